import { type EachProblem, forEachProblem } from '../runtime/each-problem.ts';

/** When {@link untilEnough} stops. */
export interface EnoughOptions<Entry> {
  /** Number of good entries wanted. */
  readonly target: number;
  readonly isGood: (entry: Entry) => boolean;
}

/**
 * Works on the first `target` items, and then on one more for each item that was not good, until `target` entries are
 * good or no items are left.
 *
 * Which items are worked on depends only on the entries of the items before them, not on the order in which they were
 * finished. So after a kill, another call with the same journal gives the same entries.
 * @returns one entry for every item that was worked on, in the order of the items
 */
export async function untilEnough<Item, Entry>(
  loop: EachProblem<Item, Entry>,
  { target, isGood }: EnoughOptions<Entry>,
): Promise<Entry[]> {
  const { context, items } = loop;
  const entries: Entry[] = [];
  for (;;) {
    const missing = target - entries.filter(isGood).length;
    const done = entries.length;
    const next = items.slice(done, done + missing);
    // Runs even without an item, so that an empty result is reported and fenced too.
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
