import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls until there is an answer.
 * @param look - returns null while there is no answer
 * @throws Error after two minutes
 */
export async function until<T>(what: string, look: () => Promise<T | null>, everyMs = 10): Promise<T> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== null) return found;
    await sleep(everyMs);
  }
  throw new Error(`waited two minutes in vain: ${what}`);
}
