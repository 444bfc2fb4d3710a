import type { Progress } from '../../spec/progress.ts';
import type { ProgressReport } from './context.ts';

/** Stretch of time that the rate is measured over. *Ours*: long enough for a step of a large model, short enough to show a slowdown. */
export const RATE_WINDOW_MS = 60_000;
/** Least time between two writes. */
export const WRITE_INTERVAL_MS = 250;

/** One moment of an execution: how much was done when. */
export interface Moment {
  readonly atMs: number;
  readonly done: number;
}

/** The moments still needed after one more: those in the window, and the last one before it, so that the window is covered. Pure. */
export function withMoment(moments: readonly Moment[], moment: Moment): Moment[] {
  const from = moment.atMs - RATE_WINDOW_MS;
  const firstInside = moments.findIndex(({ atMs }) => atMs >= from);
  const kept = firstInside === -1 ? moments.slice(-1) : moments.slice(Math.max(0, firstInside - 1));
  return [...kept, moment];
}

/** Units per second over the moments; null while nothing was done in them. Pure. */
export function rateOf(moments: readonly Moment[]): number | null {
  const [first, last] = [moments.at(0), moments.at(-1)];
  if (first === undefined || last === undefined || last.done <= first.done || last.atMs <= first.atMs) return null;
  return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
}

export interface ProgressWriter {
  report(progress: ProgressReport): void;
  /** Writes what was reported last, if it is not written yet, and stops. */
  close(): Promise<void>;
}

/**
 * Writes progress at most every {@link WRITE_INTERVAL_MS}, the latest report winning. What an earlier execution had done (known from the
 * journal) does not count into the rate, since the first report is where it starts.
 * @param write - writes the file as a whole
 * @param onFailure - told of a write that failed; progress is no reason to stop by itself
 */
export function progressWriter(
  attempt: number,
  write: (progress: Progress) => Promise<void>,
  onFailure: (error: unknown) => void,
): ProgressWriter {
  let moments: Moment[] = [];
  let began: Pick<Progress, 'from' | 'beganAt'> = { from: 0, beganAt: null };
  let waiting: ProgressReport | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let again = false;

  /** One write at a time: what is reported during one that takes long (a slow store) is one write after it, not many. */
  function writeNow(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    again = true;
    writing ??= writeAll();
    return writing;
  }
  async function writeAll(): Promise<void> {
    while (again) {
      again = false;
      await writeLatest().catch(onFailure);
    }
    writing = undefined;
  }
  async function writeLatest(): Promise<void> {
    const report = waiting;
    waiting = undefined;
    if (report === undefined) return;
    const { unit, done, total, metrics = {} } = report;
    const updatedAt = new Date().toISOString();
    const counted = { attempt, unit, done, total, rate: rateOf(moments), metrics: { ...metrics } };
    // What these programs save, they save beside their work.
    const progress = { ...counted, ...began, savingSeconds: 0, updatedAt };
    await write(progress);
  }
  return {
    report(progress) {
      if (began.beganAt === null) began = { from: progress.done, beganAt: new Date().toISOString() };
      const atMs = performance.now();
      const sinceLast = atMs - (moments.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY);
      if (waiting === undefined || sinceLast >= WRITE_INTERVAL_MS)
        moments = withMoment(moments, { atMs, done: progress.done });
      waiting = progress;
      timer ??= setTimeout(writeNow, moments.length === 1 ? 0 : WRITE_INTERVAL_MS);
    },
    close: writeNow,
  };
}
