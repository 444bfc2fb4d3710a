import jstat from 'jstat';

/**
 * z such that a standard normal variable lies within ±z with probability `confidence`: 0.95 -> 1.95996.
 * @param confidence - level of a two-sided interval, in (0, 1)
 */
export function twoSidedZ(confidence: number): number {
  if (!(confidence > 0 && confidence < 1)) {
    throw new RangeError(`expected a confidence between 0 and 1, but got ${confidence}`);
  }
  return jstat.jStat.normal.inv((1 + confidence) / 2, 0, 1);
}
