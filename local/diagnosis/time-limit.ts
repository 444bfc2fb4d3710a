import { setTimeout as sleep } from 'node:timers/promises';

const TICK_MS = 50;

/**
 * Waits for a time that grows with the load of the machine, because a diagnosis is often needed on a busy machine. It
 * counts short sleeps: if this process is late at each of them, the programs it asks are late too.
 */
export async function sleepUnderLoad(ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= TICK_MS) {
    await sleep(Math.min(TICK_MS, left), undefined, { signal }).catch(() => undefined);
  }
}

/**
 * The result of `asked`. @throws Error if it takes longer than {@link sleepUnderLoad} with `ms`; it continues, but its
 * result is dropped
 */
export async function withTimeLimit<T>(ms: number, asked: Promise<T>): Promise<T> {
  const over = new AbortController();
  const timeout = sleepUnderLoad(ms, over.signal).then((): never => {
    throw new Error(`no answer within ${ms / 1000} s`);
  });
  try {
    return await Promise.race([asked, timeout]);
  } finally {
    over.abort();
  }
}
