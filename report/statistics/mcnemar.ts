import jstat from 'jstat';

/**
 * Exact two-sided McNemar test of two paired yes/no outcomes. Only pairs that disagree count. Under the null hypothesis
 * each of them falls to either side with probability 1/2, so `p = min(1, 2 Σ_{i ≤ min(b, c)} C(b + c, i) / 2^(b + c))`.
 * Source: Q. McNemar, Psychometrika 12 (1947); the exact form as in A. Agresti, Categorical Data Analysis, section
 * 11.1.
 * @param onlyFirst - b, pairs that only the first got right
 * @param onlySecond - c, pairs that only the second got right
 * @returns p in (0, 1]; 1 when no pair disagrees
 */
export function mcnemarExact(onlyFirst: number, onlySecond: number): number {
  const disagreeing = onlyFirst + onlySecond;
  let tail = 0;
  // In logarithms, because 2^-n underflows above about 1,075 disagreeing pairs.
  for (let i = 0; i <= Math.min(onlyFirst, onlySecond); i++) {
    tail += Math.exp(jstat.jStat.combinationln(disagreeing, i) - disagreeing * Math.LN2);
  }
  return Math.min(1, 2 * tail);
}
