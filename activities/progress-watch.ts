import { activityInfo } from '@temporalio/activity';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { PodState } from '../executor/index.ts';
import { Progress, progressOfAll } from '../spec/index.ts';
import { BEAT_MS, setHeartbeatDetails } from './heartbeat.ts';
import { afterLook, type IdlePods, type Stall, stallOf } from './stall.ts';

/** Pods whose idle time the next worker learns: heartbeats stay small. The others begin at 0 with it. *Ours*. */
const REMEMBERED = 64;

/** What the watch of a job remembers over a change of worker: its heartbeat details, which the CLI reads too. */
const Watched = z.object({
  progress: Progress.nullable(),
  /** Pods that have made no progress for the longest. By watching alone, so that neither a stepped clock nor a sleeping laptop counts. */
  idle: z
    .array(z.tuple([z.int().min(0), z.object({ done: z.number().nullable(), ms: z.number().min(0) })]))
    .max(REMEMBERED),
  /** What stands in the job's way, in the executor's words; null when nothing does. */
  message: z.string().nullable(),
});
type Watched = z.infer<typeof Watched>;

/** A beat that took longer than this was no beat: the machine slept, or the store did not answer. */
const LONGEST_BEAT_MS = 10 * BEAT_MS;

export interface ProgressWatch {
  /** By part, of the pods that report. */
  readonly read: () => Promise<readonly (Progress | null)[]>;
  /** As last seen; none before the first look. */
  readonly pods: () => readonly PodState[];
  /** Whether rank 0 reports for all pods. */
  readonly isGang: boolean;
  /** What the executor says of the job. */
  readonly says: () => string | null;
  readonly stallTimeoutSeconds: number;
  readonly onProgress: (progress: Progress) => Promise<void>;
  /** Called once. */
  readonly onStall: (stall: Stall) => void;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * Looks at the progress of a job every second, until `stop`, and gives it to the heartbeats of the activity. A store that answers slowly, or not
 * at all, delays only the looks: the heartbeat goes on, and a silent store is never evidence of a stall.
 */
export function watchProgress(job: ProgressWatch): { stop(): void } {
  const { read, pods, isGang, says, stallTimeoutSeconds, onProgress, onStall, log } = job;
  // Anyone who reaches Temporal may have recorded a heartbeat: one that is not ours is forgotten.
  const before = Watched.safeParse(activityInfo().heartbeatDetails).data;
  let progress: Progress | null = before?.progress ?? null;
  let idle: IdlePods = new Map(before?.idle ?? []);
  let lookedAt = performance.now();
  let looking = false;
  let told = false;

  async function look(): Promise<void> {
    const reports = await read();
    const elapsed = Math.min(performance.now() - lookedAt, LONGEST_BEAT_MS);
    lookedAt = performance.now();
    const seen = pods();
    // Before the first look at the pods nothing is known of them, and what the worker before knew stands.
    if (seen.length > 0) idle = afterLook(idle, seen, reports, elapsed);
    progress = progressOfAll(reports);
    if (progress !== null) await onProgress(progress);
    const stall = told ? null : stallOf(idle, seen, isGang, stallTimeoutSeconds);
    if (stall === null) return;
    told = true;
    onStall(stall);
  }

  setHeartbeatDetails(() => ({ progress, idle: longest(idle), message: says() }) satisfies Watched);
  const timer = setInterval(() => {
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

const longest = (idle: IdlePods): Watched['idle'] =>
  [...idle].toSorted(([, a], [, b]) => b.ms - a.ms).slice(0, REMEMBERED);
