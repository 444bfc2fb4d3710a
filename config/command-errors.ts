import { CommanderError } from 'commander';
import type { z } from 'zod';
import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';
import { visibleText } from '../spec/text.ts';

/** Exit codes of the CLI and the scripts. 65, 66, 69 and 73 are from sysexits.h. docs/cli.md documents them. */
export const EXIT = {
  ok: 0,
  /** The campaign failed, was cancelled or rejected a request; or `doctor` found something missing. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The campaign file is not valid. */
  invalid: 65,
  /** No such file, campaign, stage or report. */
  missing: 66,
  /** Temporal, its worker or an installed program is missing. */
  unavailable: 69,
  /** A campaign with this id is running already, or another store owns the task queue. */
  running: 73,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * An error that a person reads without a stack trace. Its message has the problem and, on the next line, the remedy.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, problem: string, remedy?: string, options?: ErrorOptions) {
    super(remedy === undefined ? problem : `${problem}\n${remedy}`, options);
    this.exitCode = exitCode;
  }
}

/** Parses the value of an option. @throws CommandError 2, which names the option, what was expected and what came */
export function parseOption<S extends z.ZodType>(schema: S, value: string, option: string): z.output<S> {
  try {
    return parseOrRefuse(schema, value, option);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new CommandError(EXIT.usage, error.complaints.map(({ message }) => `${option}: ${message}`).join('\n'));
  }
}

/** Runs a program's main function. Its result is the exit code. Errors are printed to stderr. */
export async function runMain(main: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    process.exitCode = printError(error);
  }
}

/** Prints an error to stderr and returns the exit code. Only unexpected errors get a stack trace. */
export function printError(error: unknown): ExitCode {
  if (error instanceof CommandError) {
    console.error(`orrery: ${shownLines(error.message).join('\n        ')}`);
    return error.exitCode;
  }
  if (error instanceof InvalidInputError) {
    console.error(`orrery: ${error.message}`);
    return EXIT.invalid;
  }
  // commander has printed the help, the version or the usage error already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  console.error(error);
  return EXIT.failed;
}

/**
 * Messages may contain text from servers and strangers. Control characters are shown, so they cannot steer the
 * terminal.
 */
const shownLines = (message: string): string[] => message.split('\n').map(visibleText);

export const errorMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));
