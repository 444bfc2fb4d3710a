import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { sleepUnderLoad, withTimeLimit } from '../../local/diagnosis/time-limit.ts';

/** Blocks the timers of this process except for a moment in each 200 ms, as on a busy machine. */
function aBusyProcess(signal: AbortSignal): void {
  const block = (): void => {
    for (const end = performance.now() + 200; performance.now() < end; );
    if (!signal.aborted) setImmediate(block);
  };
  block();
}

test('a result in time is returned, and a late one is an error', async () => {
  expect(await withTimeLimit(1000, sleep(20, 'an answer'))).toBe('an answer');
  await expect(withTimeLimit(100, new Promise(() => {}))).rejects.toThrow('no answer within 0.1 s');
});

test('the sleep ends at once when its signal aborts', async () => {
  const over = new AbortController();
  const waits = sleepUnderLoad(600_000, over.signal);
  over.abort();
  await waits;
});

test('the time limit grows with the load: a process with late timers waits longer', async () => {
  const over = new AbortController();
  const began = performance.now();
  aBusyProcess(over.signal);
  await sleepUnderLoad(300, new AbortController().signal);
  over.abort();
  expect(performance.now() - began).toBeGreaterThan(2 * 300);
});
