import { ApplicationFailure } from '@temporalio/activity';
import { InvalidInputError } from '../spec/index.ts';

/**
 * Translates what was thrown into what Temporal understands. Input that will be as wrong next time is not tried again;
 * everything else (a full disk, a store that does not answer) is, until it is mended.
 */
export async function translated<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof InvalidInputError) {
      throw ApplicationFailure.nonRetryable(error.message, 'InvalidInput', error.complaints);
    }
    throw error;
  }
}
