import { ApplicationFailure } from '@temporalio/workflow';
import { FAILURES, type Failure } from '../spec/index.ts';

/** The failure of a stage that has spent its attempts. Its `type` is the failure class. */
export function stageFailure(stage: string, failure: Failure): ApplicationFailure {
  const message = `${stage}: ${FAILURES[failure.class].words}: ${failure.message}`;
  return ApplicationFailure.nonRetryable(message, failure.class, failure);
}

/** The innermost message of a failure that came from a child workflow or an activity. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? messageOf(error.cause) : error.message;
}
