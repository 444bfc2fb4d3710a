import { CancellationScope, continueAsNew, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { StageRequest, StageStatus } from '../spec/index.ts';
import { trackIgnored } from './ignored.ts';
import { parseInput, parseStageStart } from './input/entry.ts';
import { listen } from './listen.ts';
import { STAGE_MESSAGES } from './messages.ts';
import { stageActivities } from './stage-activities.ts';
import { watchJob } from './stage-job.ts';
import { recover } from './stage-recovery.ts';
import { StageTracker } from './stage-tracker.ts';

/** Longest wait between two attempts to claim a stage that another campaign runs. *Ours*. */
const LONGEST_CLAIM_WAIT_SECONDS = 60;

/**
 * Runs one stage until it leaves a manifest. Every execution is a new attempt, also after a preemption.
 * @param input - a `StageRun`, unchecked: any client can start this workflow
 * @throws ApplicationFailure `InvalidInput`, non-retryable, unless a campaign started it with a valid input
 */
export async function stage(input: unknown, ...more: unknown[]): Promise<StageStatus> {
  const run = parseInput(() => parseStageStart(input, more));
  const { request } = run;
  const activities = stageActivities(request.name);
  const { hashData, startAttempt } = activities;
  const tracker = new StageTracker(run);
  let claimWaitSeconds = 1;
  trackIgnored(run.carried?.ignored, () => tracker.show());
  listen(STAGE_MESSAGES, tracker.handlers());

  try {
    for (;;) {
      if (tracker.paused) await tracker.untilResumed();
      if (workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof stage>({ ...run, paused: tracker.paused, carried: tracker.carry() });
      }

      const dataFiles = readsFiles(request) ? await tracker.timed(hashData({ data: request.data })) : undefined;
      // Not cancellable: the workflow must know every job that it started, to stop it.
      const started = await CancellationScope.nonCancellable(() =>
        tracker.timed(startAttempt(tracker.nextAttempt(dataFiles))),
      );
      tracker.found(started.key);
      if (started.kind === 'finished') return tracker.finish('reused', started.result);
      if (started.kind === 'refused') {
        await recover(started.outcome, run, tracker, activities);
        continue;
      }
      if (started.kind === 'busy') {
        await tracker.waitForOwner(started.owner, claimWaitSeconds);
        claimWaitSeconds = Math.min(2 * claimWaitSeconds, LONGEST_CLAIM_WAIT_SECONDS);
        continue;
      }

      tracker.executionClaimed();
      const { outcome, result } = await watchJob(started.job, tracker, activities);
      if (result !== null) return tracker.finish('completed', result);
      await recover(outcome, run, tracker, activities);
    }
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() =>
        tracker.change({ state: 'cancelled', finishedAt: new Date().toISOString() }),
      );
    }
    throw error;
  }
}

const readsFiles = (request: StageRequest): request is Extract<StageRequest, { kind: 'prepare' }> =>
  request.kind === 'prepare' && request.data.type === 'files';
