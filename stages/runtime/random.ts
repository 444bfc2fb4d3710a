import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/**
 * Seed for one random choice. It is derived from the campaign's seed, a word for the purpose, the problem and the
 * sample, so results depend neither on the order of the work nor on the number of shards.
 * @returns an integer in [0, 2^31), a range that every sampler accepts
 */
export function seedFor(...parts: readonly (string | number)[]): number {
  // JSON keeps ['a', 'b'] and ['ab'] apart, and 1 and '1'.
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
  return digest.readUInt32BE(0) >>> 1;
}

/**
 * Generator of uniform numbers in [0, 1). The same seed gives the same numbers on every machine.
 * @param seed - from {@link seedFor}; neighbouring small seeds would give similar first numbers
 */
export function random(seed: number): () => number {
  const generator = xoroshiro128plus(seed);
  return () => uniformFloat64(generator);
}

/** A copy of `items`, shuffled by `next` (Fisher-Yates). */
export function shuffled<T>(items: readonly T[], next: () => number): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(next() * (last + 1));
    [order[last], order[other]] = [order[other] as T, order[last] as T];
  }
  return order;
}
