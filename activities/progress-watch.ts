import { activityInfo, heartbeat } from '@temporalio/activity';
import type { Logger } from 'pino';
import type { Progress } from '../spec/index.ts';
import { BEAT_MS } from './beating.ts';

/** What the watch of a job remembers over a change of worker: its heartbeat details, which the CLI reads too. */
interface Watched {
  readonly progress: Progress | null;
  /** Time without growth of `progress.done`, in ms: of watching alone, so that neither a stepped clock nor a sleeping laptop counts. */
  readonly idleMs: number;
  /** What stands in the job's way, in the executor's words; null when nothing does. */
  readonly message: string | null;
}

/** A beat that took longer than this was no beat: the machine slept, or the store did not answer. */
const LONGEST_BEAT_MS = 10 * BEAT_MS;

export interface ProgressWatch {
  readonly read: () => Promise<Progress | null>;
  /** Whether anything runs that could make progress: a job that waits for a machine is not stalled. */
  readonly isAtWork: () => boolean;
  /** What the executor says of the job. */
  readonly says: () => string | null;
  readonly stallTimeoutSeconds: number;
  readonly onProgress: (progress: Progress) => Promise<void>;
  /** Called once. */
  readonly onStall: () => void;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * Looks at the progress of a job every second and heartbeats it, until `stop`. A store that answers slowly, or not at all, delays only the
 * looks: the heartbeat goes on, and nothing is concluded from silence.
 */
export function watchProgress(job: ProgressWatch): { stop(): void } {
  const { read, isAtWork, says, stallTimeoutSeconds, onProgress, onStall, log } = job;
  const before = activityInfo().heartbeatDetails as Partial<Watched> | undefined;
  let watched: Watched = { progress: null, idleMs: 0, message: null, ...before };
  let lookedAt = performance.now();
  let looking = false;
  let told = false;

  async function look(): Promise<void> {
    const progress = await read();
    const grew = progress !== null && progress.done !== watched.progress?.done;
    const sinceLast = Math.min(performance.now() - lookedAt, LONGEST_BEAT_MS);
    lookedAt = performance.now();
    watched = { ...watched, progress, idleMs: grew || !isAtWork() ? 0 : watched.idleMs + sinceLast };
    if (progress !== null) await onProgress(progress);
    if (watched.idleMs <= stallTimeoutSeconds * 1000 || told) return;
    told = true;
    onStall();
  }

  const timer = setInterval(() => {
    watched = { ...watched, message: says() };
    heartbeat(watched);
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => log.warn({ err: error }, 'progress could not be read or told'))
      .finally(() => {
        looking = false;
      });
  }, BEAT_MS);
  return { stop: () => clearInterval(timer) };
}
