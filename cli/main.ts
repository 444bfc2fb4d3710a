import { printError } from '../config/command-errors.ts';
import { orrery } from './program.ts';

/** Runs the command line. */
try {
  await orrery().parseAsync();
} catch (error) {
  process.exitCode = printError(error);
}
