import PQueue from 'p-queue';
import type { StageKind } from '../../spec/stages/kinds.ts';
import type { Journal } from '../io/journal.ts';
import type { StageContext } from './context.ts';

export interface EachProblem<Item, Entry> {
  readonly context: Pick<StageContext<StageKind>, 'signal' | 'report' | 'fence'>;
  /** Items of this part, in order, each with its own id. */
  readonly items: readonly Item[];
  readonly idOf: (item: Item) => string;
  readonly journal: Pick<Journal<Entry>, 'entries' | 'flush'> & { append(entry: Entry): unknown };
  /** Id of the item that a journal entry is about. */
  readonly idOfEntry: (entry: Entry) => string;
  /** Items worked on at the same time. */
  readonly concurrency: number;
  /** What progress counts: 'problem', 'solution'. */
  readonly unit: string;
  /** Works on one item. The signal aborts when the stage stops, or when the work on another item fails. */
  readonly work: (item: Item, signal: AbortSignal) => Promise<Entry>;
  /** More numbers for progress, computed each time an item is finished. */
  readonly metrics?: () => Readonly<Record<string, number>>;
}

/**
 * Works on every item that the journal does not have yet, several at a time, and journals each one when it is finished.
 *
 * After a kill, another call works only on the missing items. The entries are returned in the order of the items,
 * whatever the order in which they were finished. So an output that is written from them does not depend on how often
 * the program was killed.
 * @returns one entry for each item; all of them are on disk
 * @throws what the first failing `work` threw, or the reason of the signal; finished entries are on disk in that case
 *   too
 */
export async function forEachProblem<Item, Entry>(loop: EachProblem<Item, Entry>): Promise<Entry[]> {
  const { context, items, idOf, journal, idOfEntry, concurrency, unit, work, metrics } = loop;
  const finished = new Map<string, Entry>();
  // A replaced attempt may have finished the same item; the first entry counts.
  for (const entry of journal.entries) if (!finished.has(idOfEntry(entry))) finished.set(idOfEntry(entry), entry);
  const missing = items.filter((item) => !finished.has(idOf(item)));
  let done = items.length - missing.length;
  const report = () => context.report({ unit, done, total: items.length, ...(metrics && { metrics: metrics() }) });
  report();

  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const queue = new PQueue({ concurrency });
  async function workOut(item: Item): Promise<void> {
    if (signal.aborted) return;
    const entry = await work(item, signal);
    signal.throwIfAborted();
    journal.append(entry);
    finished.set(idOf(item), entry);
    done += 1;
    report();
  }
  try {
    const all = queue.addAll(missing.map((item) => () => workOut(item).catch((error: unknown) => failed.abort(error))));
    // Work in flight may take long to notice the signal. Nobody waits for it, and its result is discarded.
    await Promise.race([all, aborted(signal)]);
    signal.throwIfAborted();
  } finally {
    await journal.flush();
  }
  await context.fence();
  return items.map((item) => finished.get(idOf(item)) as Entry);
}

/** Resolves when the signal aborts. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
