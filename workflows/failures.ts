import { ApplicationFailure } from '@temporalio/workflow';
import { FAILURES, type Failure, InvalidInputError } from '../spec/index.ts';

/** The failure of a stage that has spent its attempts. Its `type` is the failure class. */
export function stageFailure(stage: string, failure: Failure): ApplicationFailure {
  const message = `${stage}: ${FAILURES[failure.class].words}: ${failure.message}`;
  return ApplicationFailure.nonRetryable(message, failure.class, failure);
}

/** A spec that was refused: every complaint is in the message and in the details. */
export function invalidInput(error: InvalidInputError): ApplicationFailure {
  return ApplicationFailure.nonRetryable(error.message, 'InvalidInput', error.complaints);
}

/** Runs `parse`; input that it refuses fails the workflow at once instead of its task for ever. */
export function atTheDoor<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof InvalidInputError ? invalidInput(error) : error;
  }
}

/** The innermost message of a failure that came from a child workflow or an activity. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? messageOf(error.cause) : error.message;
}
