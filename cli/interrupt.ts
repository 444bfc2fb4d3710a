import { addAbortListener } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, EXIT, tell } from '../config/command-errors.ts';

/** What ends a wait: Ctrl-C, a supervisor, a terminal that closes. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C can arrive twice within a moment: from the terminal, and from `npm`, which hands it on. */
const SAME_PRESS_MS = 300;

/**
 * Runs `work` and lets it end in good order. The first Ctrl-C or SIGTERM, a terminal that closes, or a reader that is gone (`| head`)
 * aborts the signal that `work` gets. A second Ctrl-C or SIGTERM ends the process at once with 130.
 *
 * The listeners stay until `work` is done. With `once` the first signal would take ours away, and signal-exit, which comes with
 * log-update, would find itself alone and end the process.
 *
 * @param runsOn - asked at the second signal: says what is left running, and how to end it
 */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>, runsOn: () => string): Promise<T> {
  const abort = new AbortController();
  let firstAt = 0;
  const interrupt = (): void => {
    if (abort.signal.aborted) return;
    firstAt = performance.now();
    abort.abort();
  };
  const onSignal = (name: NodeJS.Signals): void => {
    const isAgain = abort.signal.aborted && performance.now() - firstAt > SAME_PRESS_MS;
    // A terminal closes once, but its shell hands the news on to every job.
    if (isAgain && name !== 'SIGHUP') process.exit(tell(new CommandError(EXIT.interrupted, runsOn())));
    interrupt();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  // Without a listener, one line to a closed terminal or pipe would end the process in the middle of its work. These stay: the error of
  // the last line comes after the work.
  for (const output of [process.stdout, process.stderr]) output.on('error', interrupt);
  try {
    return await work(abort.signal);
  } finally {
    // After the first signal they stay: the same press may arrive once more while the program says its last words.
    if (!abort.signal.aborted) for (const name of SIGNALS) process.off(name, onSignal);
  }
}

/** Resolves as `promise` does, or with null as soon as `signal` aborts. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  using _ = addAbortListener(signal, () => resolve(null));
  return await Promise.race([promise, aborted]);
}

/** Resolves after the time, or as soon as `signal` aborts. */
export const sleepOrAborted = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);
