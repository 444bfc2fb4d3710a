import type { Trace } from '../../spec/records.ts';
import { isMine, type StageContext } from '../runtime/context.ts';
import { seedFor } from '../runtime/random.ts';

/** Shares of what are kept: k, the source of the problem, its level where the set gives one. */
const stratumOf = ({ k, problem: { source, level } }: Stratified): string => JSON.stringify([k, source, level ?? null]);
type Stratified = Pick<Trace, 'id' | 'k'> & { readonly problem: Pick<Trace['problem'], 'source' | 'level'> };

/**
 * The order in which traces are rewritten until there are enough: every beginning of it has the shares of k, source and level as they are
 * among all (Sainte-Laguë: trace i of n in its stratum stands at (i + 1/2) / n), so that a smaller set teaches the same mixture, and a
 * larger target only adds. Within a stratum the order is drawn by seed and trace: every shard sees the same.
 */
export function stratifiedOrder<T extends Stratified>(traces: readonly T[], seed: number): T[] {
  const drawn = traces.map((trace) => ({ trace, draw: seedFor(seed, 'rewrite', 'select', trace.id) }));
  const strata = [...Map.groupBy(drawn, ({ trace }) => stratumOf(trace)).values()];
  return strata
    .flatMap((stratum) =>
      stratum
        .toSorted((a, b) => a.draw - b.draw || (a.trace.id < b.trace.id ? -1 : 1))
        .map(({ trace, draw }, index) => ({ trace, draw, place: (index + 0.5) / stratum.length })),
    )
    .toSorted((a, b) => a.place - b.place || a.draw - b.draw || (a.trace.id < b.trace.id ? -1 : 1))
    .map(({ trace }) => trace);
}

/**
 * A shard's traces in their order, and how many of the target are its share. Shards take turns, each round begun by the next: strata
 * that alternate in the order are not dealt to one shard each.
 */
export function shareOf<T>(
  order: readonly T[],
  target: number,
  shard: Pick<StageContext<'rewrite'>, 'part' | 'parts'>,
): { traces: T[]; target: number } {
  const mine = (_: unknown, index: number) => isMine(index + Math.floor(index / shard.parts), shard);
  return { traces: order.filter(mine), target: order.slice(0, target).filter(mine).length };
}
