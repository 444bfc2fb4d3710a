import { crc32 } from 'node:zlib';

/** Characters of a block; vLLM has blocks of 16 tokens, which is about as much. */
const BLOCK = 64;

/** Blocks of prompts that were read before, the least recently used forgotten first. */
export interface PrefixCache {
  /** Share in [0, 1] of a prompt that is in the cache; the prompt is in it afterwards. */
  read(prompt: string): number;
}

/** @param blocks - as many fit */
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
