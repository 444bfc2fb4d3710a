import { boundedText, FAILURES, type Incident, type Outcome } from '../spec/index.ts';
import { stageFailure } from './failures.ts';
import type { StageRun } from './input/start.ts';
import { STATUS_TEXT_LENGTH } from './input/status.ts';
import { nextAction } from './policy/restart.ts';
import type { StageActivities } from './stage-activities.ts';
import type { StageTracker } from './stage-tracker.ts';

/**
 * Acts on the end of an execution that left no result: waits before the next attempt, or gives up.
 * @throws ApplicationFailure of the failure class when the stage has used up its attempts and its campaign does not
 *   hold it
 */
export async function recover(
  outcome: Outcome,
  run: StageRun,
  tracker: StageTracker,
  activities: StageActivities,
): Promise<void> {
  const { name, config } = run.request;
  const action = nextAction(tracker.ledger, withBoundedMessage(outcome), config.run, new Date().toISOString());
  switch (action.kind) {
    case 'again':
      tracker.failed(action.ledger, action.failure);
      await tracker.change({ state: 'backing-off', why: action.failure.followed });
      if (action.delaySeconds === 0) return;
      await tracker.wait(
        'backing-off',
        action.delaySeconds,
        `${name}: again after ${FAILURES[action.failure.class].message}`,
      );
      return;
    case 'give-up':
      tracker.failed(action.ledger, action.failure);
      await giveUp(action.failure, run, tracker, activities);
      return;
    default:
      // The job was stopped, by a pause or by a later attempt of somebody else. The loop of attempts finds out which.
      if (tracker.paused) tracker.beginRecovery('Pause', null);
  }
}

/** The stage has used up its attempts. It waits for a person, or fails if its campaign says so. */
async function giveUp(
  failure: Incident,
  { request, onFailure }: StageRun,
  tracker: StageTracker,
  { releaseStage }: StageActivities,
): Promise<void> {
  if (onFailure === 'fail') {
    await tracker.change({ state: 'failed', finishedAt: new Date().toISOString() });
    throw stageFailure(request.name, failure);
  }
  // Another campaign with the same stage can run it meanwhile.
  const claim = tracker.claim();
  if (claim !== null) await tracker.timed(releaseStage(claim));
  await tracker.untilRetried();
}

/** The message comes from a program or a cluster, may have any length, and stays in the ledger. */
function withBoundedMessage(outcome: Outcome): Outcome {
  if (outcome.kind !== 'failed') return outcome;
  const message = boundedText(outcome.failure.message, STATUS_TEXT_LENGTH);
  return { ...outcome, failure: { ...outcome.failure, message } };
}
