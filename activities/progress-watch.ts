import { activityInfo } from '@temporalio/activity';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { PodState } from '../executor/index.ts';
import { Progress, progressOfAll } from '../spec/index.ts';
import { HEARTBEAT_MS, setHeartbeatDetails } from './heartbeat.ts';
import { type IdlePods, type Stall, stallOf, updatedIdle } from './stall.ts';

/**
 * Number of pods whose idle time the next worker learns, so that heartbeats stay small. The idle time of the others
 * starts again at 0. *Ours*.
 */
const REMEMBERED = 64;

/** What the watch of a job keeps when the worker changes: its heartbeat details, which the CLI reads too. */
const WatchDetails = z.object({
  progress: Progress.nullable(),
  /**
   * The pods that are idle for the longest. The time is what the worker watched, so neither a stepped clock nor a
   * sleeping laptop counts.
   */
  idle: z
    .array(z.tuple([z.int().min(0), z.object({ done: z.number().nullable(), ms: z.number().min(0) })]))
    .max(REMEMBERED),
  /** What the job waits for, as the executor describes it; null if it waits for nothing. */
  message: z.string().nullable(),
});
type WatchDetails = z.infer<typeof WatchDetails>;

/** A longer interval between two checks does not count as idle time: the machine slept, or the store did not answer. */
const LONGEST_INTERVAL_MS = 10 * HEARTBEAT_MS;

export interface ProgressWatch {
  /** Progress by part, of the pods that report. */
  readonly read: () => Promise<readonly (Progress | null)[]>;
  /** The pods as last observed; empty before the first observation. */
  readonly pods: () => readonly PodState[];
  /** Whether rank 0 reports for all pods. */
  readonly isGang: boolean;
  /** The message of the executor about the job. */
  readonly message: () => string | null;
  readonly stallTimeoutSeconds: number;
  readonly onProgress: (progress: Progress) => Promise<void>;
  /** Called once. */
  readonly onStall: (stall: Stall) => void;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * Reads the progress of a job every second until `stop`, and passes it to the heartbeats of the activity. A slow or
 * silent store delays only these reads: the heartbeat continues, and a silent store is never evidence of a stall.
 */
export function watchProgress(job: ProgressWatch): { stop(): void } {
  const { read, pods, isGang, message, stallTimeoutSeconds, onProgress, onStall, log } = job;
  // Anyone who reaches Temporal may have recorded a heartbeat. Details that do not parse are ignored.
  const before = WatchDetails.safeParse(activityInfo().heartbeatDetails).data;
  let progress: Progress | null = before?.progress ?? null;
  let idle: IdlePods = new Map(before?.idle ?? []);
  let readAt = performance.now();
  let isReading = false;
  let isReported = false;

  async function update(): Promise<void> {
    const reports = await read();
    const elapsed = Math.min(performance.now() - readAt, LONGEST_INTERVAL_MS);
    readAt = performance.now();
    const seen = pods();
    // Before the first observation no pod is known, and the idle times of the previous worker stay.
    if (seen.length > 0) idle = updatedIdle(idle, seen, reports, elapsed);
    progress = progressOfAll(reports);
    if (progress !== null) await onProgress(progress);
    const stall = isReported ? null : stallOf(idle, seen, isGang, stallTimeoutSeconds);
    if (stall === null) return;
    isReported = true;
    onStall(stall);
  }

  setHeartbeatDetails(() => ({ progress, idle: longest(idle), message: message() }) satisfies WatchDetails);
  const timer = setInterval(() => {
    if (isReading) return;
    isReading = true;
    update()
      .catch((error: unknown) => log.warn({ err: error }, 'progress could not be read or reported'))
      .finally(() => {
        isReading = false;
      });
  }, HEARTBEAT_MS);
  return { stop: () => clearInterval(timer) };
}

const longest = (idle: IdlePods): WatchDetails['idle'] =>
  [...idle].toSorted(([, a], [, b]) => b.ms - a.ms).slice(0, REMEMBERED);
