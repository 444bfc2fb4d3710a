import { max, min, sampleCorrelation } from 'simple-statistics';
import { type Estimate, missing, pointOnly } from './estimate.ts';
import { twoSidedZ } from './normal.ts';

export type Point = readonly [x: number, y: number];

/** Differences below this share of the numbers' size are rounding, and not variance. */
const ROUNDING = 1e-12;

/**
 * Pearson's r with the interval by Fisher's transformation: `tanh(atanh(r) ± z / √(n − 3))`. The interval assumes
 * independent and roughly normal points. Successive optimizer steps are neither, so over them the true interval is
 * wider. Source: R. A. Fisher, On the "probable error" of a coefficient of correlation, Metron 1 (1921).
 * @param points - `[n]` pairs
 * @param names - names of x and y, for the reason when r does not exist
 */
export function pearson(points: readonly Point[], confidence: number, names: { x: string; y: string }): Estimate {
  const n = points.length;
  if (n < 2) return missing(n, `a correlation needs two points or more; there ${n === 1 ? 'is one' : 'are none'}`);
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  if (isConstant(xs)) return missing(n, `${names.x} never vary, so there is nothing to correlate`);
  if (isConstant(ys)) return missing(n, `${names.y} never vary, so there is nothing to correlate`);
  const r = Math.max(-1, Math.min(1, sampleCorrelation(xs, ys)));
  if (n < 4) return pointOnly(r, n, 'an interval needs four points or more');
  if (1 - Math.abs(r) < ROUNDING)
    return pointOnly(Math.sign(r), n, 'the points lie on a line, so the interval is a point');
  const half = twoSidedZ(confidence) / Math.sqrt(n - 3);
  return { value: r, low: Math.tanh(Math.atanh(r) - half), high: Math.tanh(Math.atanh(r) + half), n, reason: null };
}

function isConstant(values: readonly number[]): boolean {
  const low = min([...values]);
  const high = max([...values]);
  return high - low <= ROUNDING * Math.max(Math.abs(low), Math.abs(high));
}
