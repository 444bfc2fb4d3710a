import { TemporalFailure } from '@temporalio/common';
import { CancellationScope, condition } from '@temporalio/workflow';
import type { EndedExecution, JobRef } from '../activities/index.ts';
import type { StageActivities } from './stage-activities.ts';
import type { StageTracker } from './stage-tracker.ts';

/**
 * Watches a job until it ends. A pause asks the job to save and stop. A cancellation stops the job before anything
 * else.
 */
export async function watchJob(
  job: JobRef,
  tracker: StageTracker,
  { awaitJob, suspendJob, stopJob }: StageActivities,
): Promise<EndedExecution> {
  try {
    // The signal to the campaign and the activity leave in one workflow task.
    const reported = tracker.executionStarted(job.attempt);
    const ended = awaitJob({ ...job, mayBeEmpty: tracker.mayBeEmpty });
    // If `awaitJob` fails during a pause, nobody awaits this promise yet. An unhandled rejection would fail the
    // workflow task.
    ended.catch(() => undefined);
    await reported;
    const first = await Promise.race([
      ended.then(() => 'ended' as const),
      condition(() => tracker.paused).then(() => 'paused' as const),
    ]);
    if (first === 'paused') {
      await tracker.change({ state: 'pausing', why: 'saving, then freeing its machines' });
      await suspendJob(job);
    }
    const { value: execution } = await ended;
    tracker.executionEnded(execution.outcome, execution.facts);
    return execution;
  } catch (error) {
    // A programming error fails the workflow task. The job runs on, and repaired code continues here.
    if (!(error instanceof TemporalFailure)) throw error;
    await CancellationScope.nonCancellable(() => stopJob(job));
    tracker.charge('working');
    throw error;
  }
}
