import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { ACTIVITY_OPTIONS, JOB_ACTIVITY_OPTIONS } from './timeouts.ts';

/**
 * The activities of a stage. Each has the name of its stage as its summary, because the UI lists the activities of all
 * stages together.
 */
export function stageActivities(summary: string) {
  const { hashData, startAttempt, releaseStage } = proxyActivities<Activities>({
    ...ACTIVITY_OPTIONS,
    summary,
  });
  const { awaitJob, suspendJob, stopJob } = proxyActivities<Activities>({ ...JOB_ACTIVITY_OPTIONS, summary });
  return { hashData, startAttempt, releaseStage, awaitJob, suspendJob, stopJob };
}

export type StageActivities = ReturnType<typeof stageActivities>;
