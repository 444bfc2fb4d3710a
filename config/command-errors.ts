import { CommanderError } from 'commander';
import type { z } from 'zod';
import { InvalidInputError, parseOrRefuse, visibleText } from '../spec/index.ts';

/** Exit codes of the CLI and of the scripts. 65, 66, 69 and 73 are those of sysexits.h. Documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** The campaign failed or was cancelled, refused what was asked of it, or something needed is missing (doctor). */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The campaign file is not valid. */
  invalid: 65,
  /** No such file, campaign, stage or report. */
  missing: 66,
  /** Temporal, its worker or something to be installed is not there. */
  unavailable: 69,
  /** A campaign of this id is running already, or another store has the task queue. */
  running: 73,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Something that a person is told in words, without a stack: what is wrong and, on a line of its own, what mends it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, problem: string, remedy?: string, options?: ErrorOptions) {
    super(remedy === undefined ? problem : `${problem}\n${remedy}`, options);
    this.exitCode = exitCode;
  }
}

/** The value of an option as `schema` has it. @throws CommandError 2 which names the option, what was expected and what came */
export function parseOption<S extends z.ZodType>(schema: S, value: string, option: string): z.output<S> {
  try {
    return parseOrRefuse(schema, value, option);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new CommandError(EXIT.usage, error.complaints.map(({ message }) => `${option}: ${message}`).join('\n'));
  }
}

/** Runs a program's main function: what it returns is the exit code, what it throws is told on stderr. */
export async function runMain(main: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    process.exitCode = tell(error);
  }
}

/** Tells an error on stderr, and says with which code to end. A stack is for errors that nobody foresaw. */
export function tell(error: unknown): ExitCode {
  if (error instanceof CommandError) {
    console.error(`orrery: ${shownLines(error.message).join('\n        ')}`);
    return error.exitCode;
  }
  if (error instanceof InvalidInputError) {
    console.error(`orrery: ${error.message}`);
    return EXIT.invalid;
  }
  // commander has told it already: its help, its version, or what is wrong with the command line.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  console.error(error);
  return EXIT.failed;
}

/** Messages hold what servers and strangers say: nothing of it steers the terminal. */
const shownLines = (message: string): string[] => message.split('\n').map(visibleText);

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
