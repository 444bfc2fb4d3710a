import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError } from './errors.ts';
import type { Log } from './log.ts';
import { pauseAfter } from './reflector.ts';

/**
 * Repeats a request with growing pauses until the API server answers. A refusal is an answer.
 * @returns undefined if `signal` aborts first
 */
export async function retryUntilAborted<T>(
  send: () => Promise<T>,
  signal: AbortSignal,
  log: Log,
): Promise<T | undefined> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof KubeError) || !error.retryable) throw error;
      log.info({ error: error.message, failures }, 'request to the API server failed: retrying');
      await sleep(pauseAfter(error, failures, Math.random()), undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}
