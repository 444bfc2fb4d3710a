/**
 * Centred moving mean. At the ends the window is cut instead of padded, so that the line neither bends towards zero nor
 * lags.
 * @param values - `[n]`
 * @param window - odd number of values in a full window; 1 changes nothing
 * @returns `[n]`
 */
export function movingMean(values: readonly number[], window: number): number[] {
  const half = Math.floor(window / 2);
  return values.map((_, at) => {
    const seen = values.slice(Math.max(0, at - half), at + half + 1);
    return seen.reduce((sum, value) => sum + value, 0) / seen.length;
  });
}

/** A small window for a curve of `n` points: about a tenth of it, odd, and 1 below ten points. *Ours*. */
export const lightWindow = (n: number): number => (n < 10 ? 1 : 2 * Math.floor(n / 20) + 1);
