import { getExternalWorkflowHandle, proxyActivities, startChild, workflowInfo } from '@temporalio/workflow';

/** What Temporal costs by itself: stages in which nothing is done, with as many activities, signals and children as real ones have. */

const { instant } = proxyActivities<{ instant(name: string): Promise<{ startedAt: number; finishedAt: number }> }>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '8 seconds',
});

/** @returns from the end of the last watch of a stage to the start of the next one's program, in ms, hop by hop */
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

/** The activities of a stage in their order, with nothing in them, and its word to the campaign. */
export async function emptyStage(): Promise<{ startedAt: number; watchedUntil: number }> {
  const campaign = getExternalWorkflowHandle(workflowInfo().parent?.workflowId ?? '');
  await instant('resolveStage');
  const started = await instant('startAttempt');
  await campaign.signal('stageChanged');
  const watched = await instant('awaitJob');
  await instant('sealStage');
  await campaign.signal('stageChanged');
  return { startedAt: started.startedAt, watchedUntil: watched.finishedAt };
}
