import { setTimeout as sleep } from 'node:timers/promises';

const TICK_MS = 50;

/**
 * Waits for a time that grows with the load of the machine: it is counted in short sleeps, and where this process is late at each of them,
 * what it asks is late as well. A machine that is busy is when a diagnosis is wanted.
 */
export async function patience(ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= TICK_MS) {
    await sleep(Math.min(TICK_MS, left), undefined, { signal }).catch(() => undefined);
  }
}

/** What `asked` resolves to. @throws Error when it does not within the {@link patience} of so many ms; it goes on, and nobody listens */
export async function inPatience<T>(ms: number, asked: Promise<T>): Promise<T> {
  const over = new AbortController();
  const impatient = patience(ms, over.signal).then((): never => {
    throw new Error(`no answer within ${ms / 1000} s`);
  });
  try {
    return await Promise.race([asked, impatient]);
  } finally {
    over.abort();
  }
}
