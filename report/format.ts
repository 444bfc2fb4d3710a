import prettyMs from 'pretty-ms';
import type { Estimate } from './statistics/estimate.ts';

/** Formats of numbers and short texts in the report. */

/** Narrow space without a line break. */
const THIN = '\u202f';

/** 0.5525 -> "55.3 %". */
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)}${THIN}%`;

/** A difference of shares in percentage points with its sign: 0.042 -> "+4.2". The minus is the real minus sign. */
export function signedPoints(difference: number): string {
  const rounded = (100 * difference).toFixed(1);
  if (Number(rounded) === 0) return '0.0';
  return Number(rounded) > 0 ? `+${rounded}` : rounded.replace('-', '−');
}

export const decimal = (value: number, digits = 2): string => value.toFixed(digits).replace('-', '−');

/** 12345.6 -> "12,345.6". Whole numbers have no decimals, others at most two. */
export function count(value: number): string {
  return value.toLocaleString('en-GB', { maximumFractionDigits: Number.isInteger(value) ? 0 : 2 });
}

/** 0.00004 -> "< 0.001". */
export const pValue = (p: number): string => (p < 0.001 ? `<${THIN}0.001` : p.toFixed(3));

/**
 * 75 -> "1m 15s"; 0.42 -> "420ms"; 59.7 -> "1m". From 10 s on it is rounded to whole seconds first, because pretty-ms
 * cuts fractions off.
 */
export const duration = (seconds: number): string =>
  prettyMs(1000 * (seconds < 10 ? seconds : Math.round(seconds)), { unitCount: 2 }).replaceAll(' ', THIN);

/** "too-easy" -> "too easy", "solvedProblems" -> "solved problems". */
export const plain = (name: string): string =>
  name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[-_.]+/g, ' ')
    .toLowerCase();

/** "1 problem", "4 problems". */
export const several = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

/** "55.3 % (50.1 to 60.4)", or the reason why there is no value. */
export function describeShare({ value, low, high, reason }: Estimate): string {
  if (value === null) return reason ?? 'not known';
  return low === null || high === null
    ? percent(value)
    : `${percent(value)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}
