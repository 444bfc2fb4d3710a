import { type Estimate, missing } from './estimate.ts';
import { twoSidedZ } from './normal.ts';

/**
 * A proportion with the Wilson score interval `(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)`, which stays within
 * [0, 1] and is not empty at 0 or n successes. Source: E. B. Wilson, Probable inference, the law of succession, and
 * statistical inference, JASA 22 (1927).
 * @param successes - 0 to n
 * @param n - trials
 */
export function wilson(successes: number, n: number, confidence: number): Estimate {
  if (n === 0) return missing(0, 'no completion could be judged');
  const z = twoSidedZ(confidence);
  const p = successes / n;
  const scale = 1 + z ** 2 / n;
  const centre = (p + z ** 2 / (2 * n)) / scale;
  const half = (z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / scale;
  // At 0 and n successes the ends are exactly 0 and 1. Rounding must not make them -1e-18.
  const low = successes === 0 ? 0 : centre - half;
  const high = successes === n ? 1 : centre + half;
  return { value: p, low, high, n, reason: null };
}
