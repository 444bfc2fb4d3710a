import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError } from './errors.ts';
import type { Log } from './log.ts';
import { pauseAfter } from './reflector.ts';

/**
 * Asks the API server until it answers, with growing pauses. A refusal is an answer.
 * @returns undefined when `signal` aborts first
 */
export async function retryUntilAborted<T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  log: Log,
): Promise<T | undefined> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof KubeError) || !error.retryable) throw error;
      log.info({ error: error.message, failures }, 'the cluster is asked again');
      await sleep(pauseAfter(error, failures, Math.random()), undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}
