import { crc32 } from 'node:zlib';

/** Characters per block. This is about as much as the 16 tokens of a block in vLLM. */
const BLOCK = 64;

/** A cache of prompt blocks with least-recently-used eviction. */
export interface PrefixCache {
  /** Returns the share in [0, 1] of a prompt that is in the cache, and adds the prompt to it. */
  read(prompt: string): number;
}

/** @param blocks - capacity in blocks */
export function createPrefixCache(blocks: number): PrefixCache {
  const known = new Set<number>(); // in order of use
  return {
    read(prompt) {
      let [hash, hits, total, goesOn] = [0, 0, 0, true];
      for (let from = 0; from + BLOCK <= prompt.length; from += BLOCK) {
        hash = crc32(prompt.slice(from, from + BLOCK), hash); // of all up to here
        total += 1;
        goesOn &&= known.delete(hash);
        if (goesOn) hits += 1;
        known.add(hash);
      }
      for (const oldest of known) {
        if (known.size <= blocks) break;
        known.delete(oldest);
      }
      return total === 0 ? 0 : hits / total;
    },
  };
}
