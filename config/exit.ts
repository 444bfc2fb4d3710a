import { type ExitCode, runMain } from './command-errors.ts';

/** A commander action that ends the process with the exit code it returns, and tells what it throws. */
export const finishWith =
  <A extends unknown[]>(action: (...args: A) => Promise<ExitCode>) =>
  (...args: A): Promise<void> =>
    runMain(() => action(...args));
