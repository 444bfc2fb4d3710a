import { getExternalWorkflowHandle, proxyActivities, startChild, workflowInfo } from '@temporalio/workflow';

/** Measures the cost of Temporal alone: empty stages with as many activities, signals and children as real ones. */

const { instant } = proxyActivities<{ instant(name: string): Promise<{ startedAt: number; finishedAt: number }> }>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '8 seconds',
});

/** @returns the ms from the end of each stage's watch to the start of the next stage's program */
export async function emptyCampaign(stages: number): Promise<number[]> {
  const hops: number[] = [];
  let before: number | null = null;
  for (let index = 0; index < stages; index += 1) {
    const child = await startChild(emptyStage, { workflowId: `${workflowInfo().workflowId}/${index}` });
    const { startedAt, watchedUntil } = await child.result();
    if (before !== null) hops.push(startedAt - before);
    before = watchedUntil;
  }
  return hops;
}

/** The activities of a stage in order, all empty, and its signal to the campaign. */
export async function emptyStage(): Promise<{ startedAt: number; watchedUntil: number }> {
  const campaign = getExternalWorkflowHandle(workflowInfo().parent?.workflowId ?? '');
  const started = await instant('startAttempt');
  await campaign.signal('stageChanged');
  const watched = await instant('awaitJob');
  return { startedAt: started.startedAt, watchedUntil: watched.finishedAt };
}
