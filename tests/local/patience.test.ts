import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inPatience, patience } from '../../local/diagnosis/patience.ts';

/** Keeps this process from every timer but for a moment in each 200 ms, as a machine with other work does. */
function aBusyProcess(signal: AbortSignal): void {
  const block = (): void => {
    for (const end = performance.now() + 200; performance.now() < end; );
    if (!signal.aborted) setImmediate(block);
  };
  block();
}

test('what comes in time is waited for, and what does not is said not to', async () => {
  expect(await inPatience(1000, sleep(20, 'an answer'))).toBe('an answer');
  await expect(inPatience(100, new Promise(() => {}))).rejects.toThrow('no answer within 0.1 s');
});

test('patience ends at once when it is no longer wanted', async () => {
  const over = new AbortController();
  const waits = patience(600_000, over.signal);
  over.abort();
  await waits;
});

test('patience grows with the load: a process that is kept from its timers waits longer', async () => {
  const over = new AbortController();
  const began = performance.now();
  aBusyProcess(over.signal);
  await patience(300, new AbortController().signal);
  over.abort();
  expect(performance.now() - began).toBeGreaterThan(2 * 300);
});
