import { type ExitCode, runMain } from './command-errors.ts';

/** Wraps a commander action: its result becomes the exit code of the process, and its errors are printed. */
export const finishWith =
  <A extends unknown[]>(action: (...args: A) => Promise<ExitCode>) =>
  (...args: A): Promise<void> =>
    runMain(() => action(...args));
