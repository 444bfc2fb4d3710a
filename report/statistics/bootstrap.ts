import { mean, quantileSorted } from 'simple-statistics';
import { type Estimate, missing, pointOnly } from './estimate.ts';

export interface Resampling {
  readonly confidence: number;
  /** Number of resamples behind the interval. */
  readonly resamples: number;
  /** Uniform numbers in [0, 1), seeded, so that a report can be reproduced. */
  readonly random: () => number;
}

/**
 * Mean with the percentile bootstrap interval. It draws n of the n values with replacement, `resamples` times, and
 * takes the `(1 ± confidence)/2` quantiles of the means. There is one value for each problem, because the samples of a
 * problem are not independent; resampling problems keeps them together. For paired values (differences) this is the
 * paired bootstrap. Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
 * @param values - `[n]` one finite number for each problem
 */
export function bootstrapMean(values: readonly number[], { confidence, resamples, random }: Resampling): Estimate {
  const n = values.length;
  if (n === 0) return missing(0, 'no problem could be judged');
  const value = mean([...values]);
  if (n === 1) return pointOnly(value, n, 'one problem alone cannot be resampled');
  if (values.every((each) => each === values[0])) {
    return pointOnly(value, n, 'every problem has the same value, so the resamples do not differ');
  }
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    for (let draw = 0; draw < n; draw++) sum += values[Math.floor(random() * n)] ?? 0;
    means[resample] = sum / n;
  }
  means.sort();
  const sorted = Array.from(means);
  const tail = (1 - confidence) / 2;
  return { value, low: quantileSorted(sorted, tail), high: quantileSorted(sorted, 1 - tail), n, reason: null };
}
