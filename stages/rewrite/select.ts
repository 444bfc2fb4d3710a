import type { Trace } from '../../spec/records.ts';
import { isMine, type StageContext } from '../runtime/context.ts';
import { seedFor } from '../runtime/random.ts';

/**
 * What must keep its share among the selected traces: k, the source of the problem, and its level if the set has
 * levels.
 */
const stratumOf = ({ k, problem: { source, level } }: Stratified): string => JSON.stringify([k, source, level ?? null]);
type Stratified = Pick<Trace, 'id' | 'k'> & { readonly problem: Pick<Trace['problem'], 'source' | 'level'> };

/**
 * The order in which traces are rewritten until there are enough. Every prefix of it has the same shares of k, source
 * and level as the whole (Sainte-Laguë: trace i of n in its stratum is at (i + 1/2) / n). So a smaller set teaches the
 * same mixture, and a larger target only adds traces. Within a stratum the order is drawn from the seed and the trace,
 * so every shard computes the same order.
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
 * The traces of a shard in their order, and its share of the target. The shards take turns, and each round starts with
 * the next shard. Otherwise strata that alternate in the order would go to one shard each.
 */
export function shareOf<T>(
  order: readonly T[],
  target: number,
  shard: Pick<StageContext<'rewrite'>, 'part' | 'parts'>,
): { traces: T[]; target: number } {
  const mine = (_: unknown, index: number) => isMine(index + Math.floor(index / shard.parts), shard);
  return { traces: order.filter(mine), target: order.slice(0, target).filter(mine).length };
}
