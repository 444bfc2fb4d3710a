import { activityInfo } from '@temporalio/activity';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { PodState } from '../executor/index.ts';
import { Progress, progressOfAll } from '../spec/index.ts';
import { BEAT_MS, setHeartbeatDetails } from './heartbeat.ts';
import { afterLook, type IdlePods, type Stall, stallOf } from './stall.ts';

/**
 * Most pods whose idle time a heartbeat carries, so that it stays small. For others the next worker starts at 0.
 * *Ours*.
 */
const REMEMBERED = 64;

/**
 * Heartbeat details of the activity that watches a job. The next worker continues from them; the CLI reads them too.
 */
const Watched = z.object({
  progress: Progress.nullable(),
  /** Pods with the longest idle times. Only watched time counts, so a clock step or a sleeping laptop adds nothing. */
  idle: z
    .array(z.tuple([z.int().min(0), z.object({ done: z.number().nullable(), ms: z.number().min(0) })]))
    .max(REMEMBERED),
  /** What keeps the job from running, as the executor describes it; null when nothing does. */
  message: z.string().nullable(),
});
type Watched = z.infer<typeof Watched>;

/** A longer time between two looks does not count: the machine slept, or the store did not answer. */
const LONGEST_BEAT_MS = 10 * BEAT_MS;

export interface ProgressWatch {
  /** By part, of the pods that report. */
  readonly read: () => Promise<readonly (Progress | null)[]>;
  /** Pods as last observed; empty before the first observation. */
  readonly pods: () => readonly PodState[];
  /** Whether rank 0 reports for all pods. */
  readonly isGang: boolean;
  /** What keeps the job from running; null when nothing does. */
  readonly says: () => string | null;
  readonly stallTimeoutSeconds: number;
  readonly onProgress: (progress: Progress) => Promise<void>;
  /** Called once. */
  readonly onStall: (stall: Stall) => void;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * Reads the progress of a job every second until `stop`, and puts it into the heartbeats of the activity. A store that
 * answers slowly, or not at all, delays only the reading. Heartbeats continue, and an unreachable store is never
 * evidence of a stall.
 */
export function watchProgress(job: ProgressWatch): { stop(): void } {
  const { read, pods, isGang, says, stallTimeoutSeconds, onProgress, onStall, log } = job;
  // Everyone who reaches Temporal can record a heartbeat. Details in another form are ignored.
  const before = Watched.safeParse(activityInfo().heartbeatDetails).data;
  let progress: Progress | null = before?.progress ?? null;
  let idle: IdlePods = new Map(before?.idle ?? []);
  let lookedAt = performance.now();
  let looking = false;
  let reported = false;

  async function look(): Promise<void> {
    const reports = await read();
    const elapsed = Math.min(performance.now() - lookedAt, LONGEST_BEAT_MS);
    lookedAt = performance.now();
    const seen = pods();
    // Until the pods are observed, the idle times of the previous worker stay valid.
    if (seen.length > 0) idle = afterLook(idle, seen, reports, elapsed);
    progress = progressOfAll(reports);
    if (progress !== null) await onProgress(progress);
    const stall = reported ? null : stallOf(idle, seen, isGang, stallTimeoutSeconds);
    if (stall === null) return;
    reported = true;
    onStall(stall);
  }

  setHeartbeatDetails(() => ({ progress, idle: longest(idle), message: says() }) satisfies Watched);
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => log.warn({ err: error }, 'cannot read or report progress'))
      .finally(() => {
        looking = false;
      });
  }, BEAT_MS);
  return { stop: () => clearInterval(timer) };
}

const longest = (idle: IdlePods): Watched['idle'] =>
  [...idle].toSorted(([, a], [, b]) => b.ms - a.ms).slice(0, REMEMBERED);
