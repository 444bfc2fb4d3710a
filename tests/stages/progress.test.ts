import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Progress } from '../../spec/index.ts';
import { type Moment, progressWriter, rateOf, WRITE_INTERVAL_MS, withMoment } from '../../stages/runtime/progress.ts';

const moments = (...pairs: [seconds: number, done: number][]): Moment[] =>
  pairs.reduce<Moment[]>((all, [seconds, done]) => withMoment(all, { atMs: seconds * 1000, done }), []);

const unexpected = (error: unknown) => expect.fail(String(error));

describe('the rate', () => {
  test('is null before anything was done', () => {
    expect(rateOf([])).toBeNull();
    expect(rateOf(moments([0, 40]))).toBeNull();
    expect(rateOf(moments([0, 40], [5, 40]))).toBeNull();
  });

  test('counts what this execution did, without what the journal held', () => {
    expect(rateOf(moments([0, 40], [10, 60]))).toBe(2);
  });

  test('ignores moments before the window', () => {
    expect(rateOf(moments([0, 0], [10, 1000], [20, 1000], [80, 1060], [85, 1065]))).toBe(1);
  });
});

describe('the writer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('writes the first report at once, and later the latest one at most four times a second', async () => {
    const written: Progress[] = [];
    const writer = progressWriter(3, async (progress) => void written.push(progress), unexpected);
    writer.report({ unit: 'problem', done: 0, total: 10 });
    await vi.advanceTimersByTimeAsync(1);
    for (let done = 1; done <= 5; done += 1) writer.report({ unit: 'problem', done, total: 10 });
    expect(written).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(WRITE_INTERVAL_MS);
    expect(written.map(({ done, attempt }) => [done, attempt])).toEqual([...[[0, 3]], [5, 3]]);
  });

  test('writes an unwritten report on closing', async () => {
    const written: number[] = [];
    const writer = progressWriter(0, async ({ done }) => void written.push(done), unexpected);
    writer.report({ unit: 'problem', done: 1, total: null });
    writer.report({ unit: 'problem', done: 2, total: null });
    await writer.close();
    await vi.advanceTimersByTimeAsync(1000);
    expect(written).toEqual([2]);
  });

  test('does not queue writes behind a slow one, and closes with the latest', async () => {
    const written: number[] = [];
    const slowly = async ({ done }: Progress) => {
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      written.push(done);
    };
    const writer = progressWriter(0, slowly, unexpected);
    for (let done = 1; done <= 100; done += 1) {
      writer.report({ unit: 'problem', done, total: 100 });
      await vi.advanceTimersByTimeAsync(WRITE_INTERVAL_MS);
    }
    const closed = writer.close();
    await vi.advanceTimersByTimeAsync(30_000);
    await closed;
    expect(written.length).toBeLessThan(6); // reports for 25 s, 10 s for each write
    expect(written.at(-1)).toBe(100);
  });

  test('reports a failed write and writes the next report', async () => {
    const failures: unknown[] = [];
    const write = vi.fn().mockRejectedValueOnce(new Error('disk')).mockResolvedValue(undefined);
    const writer = progressWriter(0, write, (error) => failures.push(error));
    writer.report({ unit: 'problem', done: 1, total: null });
    await vi.advanceTimersByTimeAsync(WRITE_INTERVAL_MS);
    writer.report({ unit: 'problem', done: 2, total: null });
    await writer.close();
    expect(failures).toHaveLength(1);
    expect(write).toHaveBeenCalledTimes(2);
  });
});
