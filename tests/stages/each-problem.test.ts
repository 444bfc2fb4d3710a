import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { ProgressReport } from '../../stages/runtime/context.ts';
import { type EachProblem, forEachProblem } from '../../stages/runtime/each-problem.ts';
import { StageExit } from '../../stages/runtime/exits.ts';

interface Entry {
  readonly of: string;
  readonly by: string;
}

/** A loop over `items` with a journal in memory. */
function aLoop(
  items: readonly string[],
  work: (item: string, signal: AbortSignal) => Promise<Entry>,
  journaled: readonly Entry[] = [],
) {
  const appended: Entry[] = [];
  const reports: ProgressReport[] = [];
  const journal: EachProblem<string, Entry>['journal'] = {
    entries: journaled,
    append: (entry) => void appended.push(entry),
    flush: async () => {},
  };
  const stop = new AbortController();
  const context = {
    signal: stop.signal,
    report: (report: ProgressReport) => void reports.push(report),
    fence: async () => {},
  };
  const run = (fence = context.fence) =>
    forEachProblem({
      context: { ...context, fence },
      items,
      journal,
      work,
      concurrency: 2,
      unit: 'item',
      idOf: (item) => item,
      idOfEntry: ({ of }) => of,
    });
  return { run, appended, reports, stop };
}

const ITEMS = ['a', 'b', 'c', 'd'];
const worked = async (item: string): Promise<Entry> => ({ of: item, by: 'work' });

test('entries are returned in the order of the items, whatever the order in which they are finished', async () => {
  const { run, appended } = aLoop(ITEMS, async (item) => {
    while (item === 'a' && appended.length < 3) await sleep(1);
    return worked(item);
  });
  expect((await run()).map(({ of }) => of)).toEqual(ITEMS);
  expect(appended.map(({ of }) => of)).toEqual(['b', 'c', 'd', 'a']);
});

test('items in the journal are not worked on again, and count as done', async () => {
  const { run, appended, reports } = aLoop(ITEMS, worked, [
    { of: 'c', by: 'journal' },
    { of: 'c', by: 'replaced attempt' },
  ]);
  expect((await run()).map(({ by }) => by)).toEqual(['work', 'work', 'journal', 'work']);
  expect(appended.map(({ of }) => of)).toEqual(['a', 'b', 'd']);
  expect([reports.at(0), reports.at(-1)]).toEqual([
    { unit: 'item', done: 1, total: 4 },
    { unit: 'item', done: 4, total: 4 },
  ]);
});

test('no more items run at a time than the concurrency allows', async () => {
  let [now, most] = [0, 0];
  const { run } = aLoop(ITEMS, async (item) => {
    now += 1;
    most = Math.max(most, now);
    await sleep(2);
    now -= 1;
    return worked(item);
  });
  await run();
  expect(most).toBe(2);
});

test('the first failure stops the others and is thrown; finished entries are kept', async () => {
  const begun: string[] = [];
  const { run, appended } = aLoop(ITEMS, async (item, signal) => {
    begun.push(item);
    if (item === 'b') {
      await sleep(5);
      throw new StageExit('DependencyDown', 'no server');
    }
    if (item === 'c') await sleep(10_000, undefined, { signal });
    return worked(item);
  });
  await expect(run()).rejects.toMatchObject({ failure: 'DependencyDown' });
  expect(appended).toEqual([{ of: 'a', by: 'work' }]);
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('a stop abandons work in flight and throws its reason', async () => {
  const { run, stop, appended } = aLoop(ITEMS, async (item, signal) => {
    if (item === 'b') stop.abort(new StageExit('Preempted', 'stopped'));
    if (item !== 'a') await sleep(10_000, undefined, { signal });
    return worked(item);
  });
  await expect(run()).rejects.toMatchObject({ failure: 'Preempted' });
  expect(appended.length).toBeLessThanOrEqual(1);
});

test('hanging work is not waited for once the stage stops or other work fails', async () => {
  for (const failing of [true, false]) {
    const { run, stop, appended } = aLoop(ITEMS, (item) => {
      if (item === 'b' && failing) return Promise.reject(new Error('over'));
      if (item === 'b') stop.abort(new Error('over'));
      return new Promise(() => {}); // like a request without a signal to a server that never answers
    });
    await expect(run()).rejects.toThrow('over');
    expect(appended).toEqual([]);
  }
});

test('a replaced attempt gets no entries to write', async () => {
  const { run } = aLoop(ITEMS, worked);
  await expect(run(() => Promise.reject(new StageExit('Fenced', 'late')))).rejects.toMatchObject({ failure: 'Fenced' });
});
