import { max, mean, median, min, quantile, sampleStandardDeviation } from 'simple-statistics';

/** Summary statistics of a sample. */
export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly p95: number;
  readonly mean: number;
  /** Sample standard deviation; 0 for one value. */
  readonly sd: number;
  readonly min: number;
  readonly max: number;
}

/** @throws RangeError for an empty sample, which has no statistics; 0 would be a wrong value */
export function summarise(sample: readonly number[]): Summary {
  if (sample.length === 0) throw new RangeError('expected at least one measurement, but got none');
  const values = [...sample];
  return {
    n: values.length,
    median: median(values),
    p95: quantile(values, 0.95),
    mean: mean(values),
    sd: values.length === 1 ? 0 : sampleStandardDeviation(values),
    min: min(values),
    max: max(values),
  };
}
