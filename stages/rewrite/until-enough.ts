import { type EachProblem, forEachProblem } from '../runtime/each-problem.ts';

/** What {@link untilEnough} is told beside the loop. */
export interface Wanted<Entry> {
  /** Good entries wanted. */
  readonly target: number;
  readonly isGood: (entry: Entry) => boolean;
}

/**
 * Works on the first `target` items, then on as many of the next as were not good, until `target` are good or the items run out.
 *
 * Which items are worked on follows from the entries of those before them, and not from the order in which they were finished: killed at
 * any point and called again with its journal, it comes to the same entries.
 * @returns one entry for every item that was worked on, in the order of the items
 */
export async function untilEnough<Item, Entry>(
  loop: EachProblem<Item, Entry>,
  { target, isGood }: Wanted<Entry>,
): Promise<Entry[]> {
  const { context, items } = loop;
  const entries: Entry[] = [];
  for (;;) {
    const missing = target - entries.filter(isGood).length;
    const done = entries.length;
    const next = items.slice(done, done + missing);
    // Even without an item: what came of nothing is reported and fenced too.
    if (next.length === 0 && done > 0) return entries;
    const report: typeof context.report = (progress) =>
      context.report({
        ...progress,
        done: done + progress.done,
        total: progress.total === null ? null : done + progress.total,
      });
    const { signal } = context;
    const fence = () => context.fence();
    entries.push(...(await forEachProblem({ ...loop, context: { signal, report, fence }, items: next })));
    if (next.length === 0) return entries;
  }
}
