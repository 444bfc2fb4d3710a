import { access } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import { boundedText, codeOf, InvalidInputError, remedyOf } from '../spec/index.ts';

/**
 * Tries after which a store that holds something else than it should is believed to: a file may be replaced under a look, or a mount come
 * back in between. They take a quarter of a minute.
 */
const FINAL_TRY = 5;
/** Characters of a message: it stands in a history. */
const LONGEST = 8000;

/**
 * Runs an activity. Its errors become failures that Temporal understands.
 *
 * - input that will be as wrong next time is not tried again: `InvalidInput`
 * - what a person or time can mend (a full disk, a store that does not answer) is tried until it is mended, and says what: `DependencyDown`
 * - a store that holds something else than it should (a folder in the place of a file, a file that is gone) is not tried for ever:
 *   `InvalidInput`, with the name of the file
 * - everything else is an error of ours: it stays visible, and goes on under code that is mended
 * @param store - folder of the store: what is missing with all of it is not missing for good
 */
export async function withFailureMapping<T>(store: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw failureOf(error, activityInfo().attempt, await isGone(error, store));
  }
}

/**
 * What Temporal is to be told of an error. Pure.
 * @param attempt - number of this try of the activity, from 1
 * @param isFileGone - whether a file is missing from a store that is there
 */
export function failureOf(error: unknown, attempt: number, isFileGone: boolean): unknown {
  if (error instanceof InvalidInputError) {
    return ApplicationFailure.nonRetryable(boundedText(error.message, LONGEST), 'InvalidInput', error.complaints);
  }
  const found = remedyOf(error, 'store');
  if (found === null) return error;
  const message = boundedText(`${found.message} (${placeOf(error)})`, LONGEST);
  const isWrong = found.remedy === 'invalid' || isFileGone;
  return isWrong && attempt >= FINAL_TRY
    ? ApplicationFailure.create({ message, type: 'InvalidInput', nonRetryable: true, cause: error as Error })
    : ApplicationFailure.create({ message, type: 'DependencyDown', nonRetryable: false, cause: error as Error });
}

/** The error's own words, with the path, which those of a read lack. */
function placeOf(error: unknown): string {
  const { message, path } = error as NodeJS.ErrnoException;
  return path === undefined || message.includes(path) ? message : `${message}: ${path}`;
}

/** Whether it says that a file of the store is not there, although the store is. */
async function isGone(error: unknown, store: string): Promise<boolean> {
  const { path = '' } = (error ?? {}) as NodeJS.ErrnoException;
  if (codeOf(error) !== 'ENOENT' || !path.startsWith(store + sep)) return false;
  return await access(join(store, 'stages')).then(
    () => true,
    () => false,
  );
}
