import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Seeded random choices. A seed repeats the sequence of draws. Their targets depend on what runs at the time. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [from, to). */
  between(from: number, to: number): number;
  /** A whole number in [from, to]. */
  integer(from: number, to: number): number;
  /** @throws RangeError when the list is empty */
  pick<T>(items: readonly T[]): T;
  /** One of the items, with a probability proportional to its weight. @throws RangeError when no weight is positive */
  weighted<T extends { readonly weight: number }>(items: readonly T[]): T;
}

export function seededRandom(seed: number): Random {
  // Small adjacent seeds give similar first numbers. Their hashes do not.
  const generator = xoroshiro128plus(createHash('sha256').update(String(seed)).digest().readUInt32BE(0));
  const next = () => uniformFloat64(generator);
  const pick = <T>(items: readonly T[]): T => {
    if (items.length === 0) throw new RangeError('expected something to pick from, but got nothing');
    return items[Math.floor(next() * items.length)] as T;
  };
  return {
    next,
    pick,
    between: (from, to) => from + next() * (to - from),
    integer: (from, to) => from + Math.floor(next() * (to - from + 1)),
    weighted(items) {
      const possible = items.filter(({ weight }) => weight > 0);
      let at = next() * possible.reduce((sum, { weight }) => sum + weight, 0);
      for (const item of possible) {
        at -= item.weight;
        if (at < 0) return item;
      }
      return pick(possible);
    },
  };
}
