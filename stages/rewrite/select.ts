import type { Trace } from '../../spec/index.ts';
import { seedFor } from '../random.ts';

/** Shares of what are kept: k, the source of the problem, its level where the set gives one. */
const stratumOf = ({ k, problem: { source, level } }: Stratified): string => JSON.stringify([k, source, level ?? null]);
type Stratified = Pick<Trace, 'id' | 'k'> & { readonly problem: Pick<Trace['problem'], 'source' | 'level'> };

/**
 * Chooses at most `target` traces, with the shares of every k, source and level as they are among all (largest remainder), so that a smaller
 * set teaches the same mixture. Within one stratum the order is drawn by seed and trace: every shard chooses alike, and a larger target only adds.
 * @returns the chosen, in the order given
 */
export function selectTraces<T extends Stratified>(traces: readonly T[], target: number, seed: number): T[] {
  if (traces.length <= target) return [...traces];
  const strata = [...Map.groupBy(traces, stratumOf).values()];
  const quotas = apportion(
    strata.map((stratum) => stratum.length),
    target,
  );
  const chosen = strata.flatMap((stratum, index) =>
    stratum
      .map((trace) => ({ trace, draw: seedFor(seed, 'rewrite', 'select', trace.id) }))
      .toSorted((a, b) => a.draw - b.draw || (a.trace.id < b.trace.id ? -1 : 1))
      .slice(0, quotas[index])
      .map(({ trace }) => trace),
  );
  const set = new Set(chosen);
  return traces.filter((trace) => set.has(trace));
}

/** Whole numbers in proportion to `sizes` that add up to `total`: rounded down, then one more where most was lost. */
function apportion(sizes: readonly number[], total: number): number[] {
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const exact = sizes.map((size) => (size * total) / all);
  const quotas = exact.map(Math.floor);
  const missing = total - quotas.reduce((sum, quota) => sum + quota, 0);
  const byLoss = exact.map((value, index) => ({ index, loss: value - Math.floor(value) }));
  for (const { index } of byLoss.toSorted((a, b) => b.loss - a.loss).slice(0, missing)) quotas[index]! += 1;
  return quotas;
}
