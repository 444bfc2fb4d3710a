import { z } from 'zod';

/**
 * A number with its interval. A number that cannot be computed is `null`, never NaN, and `reason` says why. An estimate
 * may have a value and no interval (one problem, no spread).
 */
export const Estimate = z.strictObject({
  value: z.number().nullable(),
  low: z.number().nullable().describe('Lower end of the interval.'),
  high: z.number().nullable().describe('Upper end of the interval.'),
  n: z.int().min(0).describe('Observations behind it: completions, problems or optimizer steps.'),
  reason: z.string().nullable().describe('Why the value or its interval is missing; null when nothing is.'),
});
export type Estimate = z.infer<typeof Estimate>;

/** An estimate without a value, and the reason. */
export const missing = (n: number, reason: string): Estimate => ({ value: null, low: null, high: null, n, reason });

/** A value without an interval, and the reason. */
export const pointOnly = (value: number, n: number, reason: string): Estimate => ({
  value,
  low: null,
  high: null,
  n,
  reason,
});
