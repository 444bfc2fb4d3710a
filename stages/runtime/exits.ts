import { InvalidInputError } from '../../spec/errors.ts';
import { FAILURES, type FailureClass, FENCED_EXIT_CODE } from '../../spec/failures.ts';
import { CONNECTION_ERRORS, codeOf, remedyOf } from '../../spec/system-errors.ts';

/** Ways to end that a stage program can say by an exit code: rows of the failure table, and being fenced off. */
export type ExitClass = Extract<FailureClass, keyof typeof EXIT_CODES> | 'Fenced';

const EXIT_CODES = {
  InvalidInput: FAILURES.InvalidInput.exitCode,
  NoEffect: FAILURES.NoEffect.exitCode,
  DependencyDown: FAILURES.DependencyDown.exitCode,
  Preempted: FAILURES.Preempted.exitCode,
  Fenced: FENCED_EXIT_CODE,
} as const;

/** Exit code of an end that no row of the failure table explains. */
const CRASHED = 1;

/** Thrown by a stage program to end with the exit code of `failure`. The message tells a person what happened and what to do. */
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

/** What to end the process with: the exit code, and the last line on stderr. */
export interface Ending {
  readonly exitCode: number;
  readonly words: string;
}

/** Translates whatever a stage program threw. Pure. */
export function endingOf(error: unknown): Ending {
  for (const link of causesOf(error)) {
    if (link instanceof StageExit) return { exitCode: link.exitCode, words: inOneLine(link.message) };
    if (link instanceof InvalidInputError) {
      return { exitCode: EXIT_CODES.InvalidInput, words: inOneLine(link.message) };
    }
    const trouble = remedyOf(link, 'store');
    // A single file that is missing may be a bug; the whole store is looked for by the runtime.
    if (trouble?.remedy === 'retry' && codeOf(link) !== 'ENOENT' && !CONNECTION_ERRORS.has(codeOf(link))) {
      return { exitCode: EXIT_CODES.DependencyDown, words: inOneLine(`${trouble.message} (${link.message})`) };
    }
    if (CONNECTION_ERRORS.has(codeOf(link))) {
      return {
        exitCode: EXIT_CODES.DependencyDown,
        words: inOneLine(`a server could not be reached: ${link.message}`),
      };
    }
  }
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { exitCode: CRASHED, words: inOneLine(`unexpected error: ${words}`) };
}

function* causesOf(error: unknown): Generator<Error> {
  const seen = new Set<unknown>(); // a cause may lead back to itself
  for (let link = error; link instanceof Error && !seen.has(link); link = link.cause) {
    seen.add(link);
    yield link;
  }
}

/** The contract speaks of the *last line* on stderr, so a message with line breaks would lose its head. */
const inOneLine = (message: string): string => message.trim().replace(/\s*\n\s*/g, ' ');
