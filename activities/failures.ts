import { access } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import { boundedText, codeOf, InvalidInputError, remedyOf } from '../spec/index.ts';

/**
 * After so many tries an unexpected state of the store counts as lasting. Before, a file may just be being replaced, or
 * a mount may come back. The tries take about 15 s.
 */
const FINAL_TRY = 5;
/** Longest message, in characters. Messages become part of a history. */
const LONGEST = 8000;

/**
 * Runs an activity. Its errors become failures that Temporal understands.
 *
 * - Invalid input becomes `InvalidInput` and is not retried, because it stays invalid.
 * - A fault that a person or time can fix (a full disk, a store that does not answer) becomes `DependencyDown`. It is
 *   retried until it is fixed, and the message names it.
 * - Wrong content of the store (a folder instead of a file, a missing file) is retried a few times, because it may be
 *   temporary. Then it becomes `InvalidInput`, and the message names the file.
 * - Any other error is a bug of orrery. It is passed on as it is, and Temporal retries until the code is fixed.
 * @param store - folder of the store. A file does not count as missing while the whole store is missing
 */
export async function withFailureMapping<T>(store: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw failureOf(error, activityInfo().attempt, await isGone(error, store));
  }
}

/**
 * The failure that Temporal gets for an error. Pure.
 * @param attempt - number of this try of the activity, from 1
 * @param isFileGone - whether a file is missing from a store that is there
 */
export function failureOf(error: unknown, attempt: number, isFileGone: boolean): unknown {
  if (error instanceof InvalidInputError) {
    return ApplicationFailure.nonRetryable(boundedText(error.message, LONGEST), 'InvalidInput', error.complaints);
  }
  const problem = remedyOf(error, 'store');
  if (problem === null) return error;
  const message = boundedText(`${problem.message} (${messageWithPath(error)})`, LONGEST);
  const isWrong = problem.remedy === 'invalid' || isFileGone;
  return isWrong && attempt >= FINAL_TRY
    ? ApplicationFailure.create({ message, type: 'InvalidInput', nonRetryable: true, cause: error as Error })
    : ApplicationFailure.create({ message, type: 'DependencyDown', nonRetryable: false, cause: error as Error });
}

/** The message of the error, with the path, which messages of reads lack. */
function messageWithPath(error: unknown): string {
  const { message, path } = error as NodeJS.ErrnoException;
  return path === undefined || message.includes(path) ? message : `${message}: ${path}`;
}

/** Whether the error says that a file of the store is missing, although the store is there. */
async function isGone(error: unknown, store: string): Promise<boolean> {
  const { path = '' } = (error ?? {}) as NodeJS.ErrnoException;
  if (codeOf(error) !== 'ENOENT' || !path.startsWith(store + sep)) return false;
  return await access(join(store, 'stages')).then(
    () => true,
    () => false,
  );
}
