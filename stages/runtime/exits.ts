import { InvalidInputError } from '../../spec/errors.ts';
import { FAILURES, FENCED_EXIT_CODE } from '../../spec/failure-table.ts';
import type { FailureClass } from '../../spec/failures.ts';
import { CONNECTION_ERRORS, codeOf, remedyOf } from '../../spec/system-errors.ts';

/** How a stage program can end by an exit code: rows of the failure table, or fenced by a later attempt. */
export type ExitClass = Extract<FailureClass, keyof typeof EXIT_CODES> | 'Fenced';

const EXIT_CODES = {
  InvalidInput: FAILURES.InvalidInput.exitCode,
  NoEffect: FAILURES.NoEffect.exitCode,
  DependencyDown: FAILURES.DependencyDown.exitCode,
  Preempted: FAILURES.Preempted.exitCode,
  Fenced: FENCED_EXIT_CODE,
} as const;

/** Exit code of an end that is in no row of the failure table. */
const CRASHED = 1;

/**
 * Thrown by a stage program to end with the exit code of `failure`. The message says what happened and what a person
 * can do.
 */
export class StageExit extends Error {
  override readonly name = 'StageExit';
  readonly failure: ExitClass;
  constructor(failure: ExitClass, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
  get exitCode(): number {
    return EXIT_CODES[this.failure];
  }
}

/** How the process ends: its exit code, and the last line on stderr. */
export interface Ending {
  readonly exitCode: number;
  readonly message: string;
}

/** The ending for whatever a stage program threw. Pure. */
export function endingOf(error: unknown): Ending {
  for (const link of causesOf(error)) {
    if (link instanceof StageExit) return { exitCode: link.exitCode, message: inOneLine(link.message) };
    if (link instanceof InvalidInputError) {
      return { exitCode: EXIT_CODES.InvalidInput, message: inOneLine(link.message) };
    }
    const trouble = remedyOf(link, 'store');
    // One missing file may be a bug. The runtime itself looks whether the whole store is missing.
    if (trouble?.remedy === 'retry' && codeOf(link) !== 'ENOENT' && !CONNECTION_ERRORS.has(codeOf(link))) {
      return { exitCode: EXIT_CODES.DependencyDown, message: inOneLine(`${trouble.message} (${link.message})`) };
    }
    if (CONNECTION_ERRORS.has(codeOf(link))) {
      return {
        exitCode: EXIT_CODES.DependencyDown,
        message: inOneLine(`a server could not be reached: ${link.message}`),
      };
    }
  }
  const shown = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { exitCode: CRASHED, message: inOneLine(`unexpected error: ${shown}`) };
}

function* causesOf(error: unknown): Generator<Error> {
  const seen = new Set<unknown>(); // causes may form a circle
  for (let link = error; link instanceof Error && !seen.has(link); link = link.cause) {
    seen.add(link);
    yield link;
  }
}

/** The contract reads the *last line* on stderr, so a message with line breaks would lose its beginning. */
const inOneLine = (message: string): string => message.trim().replace(/\s*\n\s*/g, ' ');
