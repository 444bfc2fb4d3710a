import { addAbortListener } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, EXIT, printError } from '../config/command-errors.ts';

/** Signals that end a wait: Ctrl-C, a stop by a supervisor, a terminal that closes. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C can arrive twice: once from the terminal and once from `npm`, which forwards it. */
const SAME_PRESS_MS = 300;

/**
 * Runs `work` and lets it end cleanly on an interrupt. The first Ctrl-C or SIGTERM, a terminal that closes, or a closed
 * pipe (`| head`) aborts the signal that `work` receives. A second Ctrl-C or SIGTERM ends the process at once with 130.
 *
 * The listeners stay until `work` is done. With `once`, the first signal would remove our listener. signal-exit, a
 * dependency of log-update, would then be the only listener and would end the process.
 *
 * @param describeRunning - called at the second signal; returns what keeps running and how to stop it
 */
export async function untilInterrupted<T>(
  work: (signal: AbortSignal) => Promise<T>,
  describeRunning: () => string,
): Promise<T> {
  const abort = new AbortController();
  let firstAt = 0;
  const interrupt = (): void => {
    if (abort.signal.aborted) return;
    firstAt = performance.now();
    abort.abort();
  };
  const onSignal = (name: NodeJS.Signals): void => {
    const isAgain = abort.signal.aborted && performance.now() - firstAt > SAME_PRESS_MS;
    // A terminal closes once, but its shell may send SIGHUP to every job as well.
    if (isAgain && name !== 'SIGHUP') process.exit(printError(new CommandError(EXIT.interrupted, describeRunning())));
    interrupt();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  // Without a listener, one line to a closed terminal or pipe would end the process during its work. These listeners
  // are never removed: the error for the last line arrives after the work is done.
  for (const output of [process.stdout, process.stderr]) output.on('error', interrupt);
  try {
    return await work(abort.signal);
  } finally {
    // After a first signal the listeners stay: the same key press may arrive again while the program prints its last
    // lines.
    if (!abort.signal.aborted) for (const name of SIGNALS) process.off(name, onSignal);
  }
}

/** Resolves like `promise`, or with null as soon as `signal` aborts. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  using _ = addAbortListener(signal, () => resolve(null));
  return await Promise.race([promise, aborted]);
}

/** Resolves after the time, or as soon as `signal` aborts. */
export const sleepOrAborted = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);
