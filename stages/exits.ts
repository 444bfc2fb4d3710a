import { FAILURES, type FailureClass, FENCED_EXIT_CODE, InvalidInputError } from '../spec/index.ts';

/** Ways to end that a stage program can say by an exit code: rows of the failure table, and being fenced off. */
export type ExitClass = Extract<FailureClass, keyof typeof EXIT_CODES> | 'Fenced';

const EXIT_CODES = {
  InvalidInput: FAILURES.InvalidInput.exitCode,
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

/** System errors of the disk below the store. Another attempt can help once a person has made room, or the mount is back. */
const STORE_TROUBLE: Readonly<Record<string, string>> = {
  ENOSPC: 'the store has no space left; free some, and the stage goes on from its journal',
  EDQUOT: 'the quota of the store is used up; raise it, and the stage goes on from its journal',
  EROFS: 'the store is mounted read-only',
  EIO: 'the disk below the store fails to read or write',
  EREMOTEIO: 'the disk below the store fails to read or write',
  EACCES: 'this user may not read or write the store',
  ESTALE: 'the mount of the store is gone',
  ENOTCONN: 'the mount of the store is gone',
  ENODEV: 'the disk below the store is gone',
  ENXIO: 'the disk below the store is gone',
};

/** System errors of a connection to a process that is not there, or no longer. */
export const CONNECTION_TROUBLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
]);

/** Translates whatever a stage program threw. Pure. */
export function endingOf(error: unknown): Ending {
  for (const link of causesOf(error)) {
    if (link instanceof StageExit) return { exitCode: link.exitCode, words: inOneLine(link.message) };
    if (link instanceof InvalidInputError) {
      return { exitCode: EXIT_CODES.InvalidInput, words: inOneLine(link.message) };
    }
    const code = String((link as NodeJS.ErrnoException).code);
    const trouble = STORE_TROUBLE[code];
    if (trouble !== undefined) {
      return { exitCode: EXIT_CODES.DependencyDown, words: inOneLine(`${trouble} (${link.message})`) };
    }
    if (CONNECTION_TROUBLE.has(code)) {
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
