import type { Progress } from '../../spec/progress.ts';
import type { ProgressReport } from './context.ts';

/**
 * Time over which the rate is measured. *Ours*: long enough for a step of a large model, short enough to show a
 * slowdown.
 */
export const RATE_WINDOW_MS = 60_000;
/** Shortest time between two writes. */
export const WRITE_INTERVAL_MS = 250;

/** One moment of an execution, and how much was done by then. */
export interface Moment {
  readonly atMs: number;
  readonly done: number;
}

/** Adds a moment and drops those that are not needed. Keeps the moments in the window and the one before it. Pure. */
export function withMoment(moments: readonly Moment[], moment: Moment): Moment[] {
  const windowStartMs = moment.atMs - RATE_WINDOW_MS;
  const firstInside = moments.findIndex(({ atMs }) => atMs >= windowStartMs);
  const kept = firstInside === -1 ? moments.slice(-1) : moments.slice(Math.max(0, firstInside - 1));
  return [...kept, moment];
}

/** Units per second over the moments; null when nothing was done in that time. Pure. */
export function rateOf(moments: readonly Moment[]): number | null {
  const [first, last] = [moments.at(0), moments.at(-1)];
  if (first === undefined || last === undefined || last.done <= first.done || last.atMs <= first.atMs) return null;
  return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
}

export interface ProgressWriter {
  report(progress: ProgressReport): void;
  /** Writes the latest report if it is not written yet, and stops. */
  close(): Promise<void>;
}

/**
 * Writes progress at most once every {@link WRITE_INTERVAL_MS}; the latest report replaces earlier ones. The rate
 * starts at the first report, so work from an earlier execution (known from the journal) does not count in it.
 * @param write - writes the whole file
 * @param onFailure - called when a write fails; a failed write does not stop the program
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

  /** Writes one report at a time. Reports that arrive during a slow write are combined into one later write. */
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
    // These programs save in parallel with their work, so saving costs no time.
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
