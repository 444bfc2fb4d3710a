/**
 * Factors of a quantity's suffix. Source: Kubernetes, "Quantity". The client library does not export its parser, which
 * cannot read fractions (`1.5Gi`).
 */
const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * The number that a quantity stands for: `500m` is 0.5, `2Gi` is 2,147,483,648.
 * @throws RangeError when the text is not a quantity. The answer of the API server then proves nothing
 */
export function quantity(text: string): number {
  const [, number, suffix = ''] = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = FACTORS[suffix];
  if (number === undefined || factor === undefined || Number.isNaN(Number(number))) {
    throw new RangeError(`expected a quantity such as 500m, 8 or 2Gi, but got ${JSON.stringify(text)}`);
  }
  return Number(number) * factor;
}
