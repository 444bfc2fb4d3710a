import { ApplicationFailure } from '@temporalio/workflow';
import { FAILURES, type Failure } from '../spec/index.ts';

/** The failure of a stage that has used up its attempts. Its `type` is the failure class. */
export function stageFailure(stage: string, failure: Failure): ApplicationFailure {
  const message = `${stage}: ${FAILURES[failure.class].message}: ${failure.message}`;
  return ApplicationFailure.nonRetryable(message, failure.class, failure);
}

/** The message of the innermost cause. Failures of child workflows and activities wrap it. */
export function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? rootMessage(error.cause) : error.message;
}
