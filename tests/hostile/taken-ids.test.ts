import { expect, test } from 'vitest';
import type { CampaignStatus } from '../../spec/index.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { campaignStatus, failedTasks, heldCampaign, longCampaign, stageStatus, until, untilStage } from './support.ts';

/** Ids of stages that strangers or earlier runs of the campaign have taken. */
const bench = runningWorkbench();

const start = (workflowId: string, spec: unknown) =>
  bench.client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [spec] });
const stageOf = ({ stages }: CampaignStatus, name: string) => stages.find((stage) => stage.name === name)!;

test('a campaign reports that the id of its stage is taken, can pause, and continues when the id is free', async () => {
  const id = 'taken';
  const stranger = await bench.client.workflow.start('nobody', { taskQueue: 'orrery', workflowId: `${id}/prepare` });
  const handle = await start(id, heldCampaign(1));
  await untilStage(bench.client, id, 'prepare', 'blocked');
  expect(stageOf(await campaignStatus(bench.client, id), 'prepare').why).toMatch(/taken\/prepare is open/);
  expect((await handle.executeUpdate<CampaignStatus, []>('pause')).phase).toBe('paused');
  await stranger.terminate();
  await handle.executeUpdate('resume');
  await untilStage(bench.client, id, 'prepare', 'completed');
  expect(await failedTasks(bench.client, id)).toEqual([]);
  await handle.cancel();
}, 180_000);

test('the wait for an id grows, so the history stays small', async () => {
  const id = 'waits';
  const stranger = await bench.client.workflow.start('nobody', { taskQueue: 'orrery', workflowId: `${id}/prepare` });
  const handle = await start(id, longCampaign(5));
  const waits = async (): Promise<number[]> =>
    ((await handle.fetchHistory()).events ?? []).flatMap(({ timerStartedEventAttributes: timer }) =>
      timer?.startToFireTimeout?.seconds == null ? [] : [Number(timer.startToFireTimeout.seconds)],
    );
  await until(async () => (await waits()).length >= 3, 'it has waited three times');
  expect((await waits()).slice(0, 3)).toEqual([2, 4, 8]);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow(/cancel/i);
  await stranger.terminate();
}, 120_000);

test('a campaign that was reset ends the stage of its previous run, and runs it again', async () => {
  const id = 'reset';
  const handle = await start(id, longCampaign(6));
  await untilStage(bench.client, id, 'pretrain', 'running');
  const before = await bench.client.workflow.getHandle(`${id}/pretrain`).describe();
  const { runId } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const first = events?.find(({ workflowTaskCompletedEventAttributes: completed }) => completed != null);
  await bench.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: id, runId },
    requestId: 'reset',
    workflowTaskFinishEventId: first!.eventId!,
  });
  await until(async () => {
    const stage = await bench.client.workflow.getHandle(`${id}/pretrain`).describe();
    return stage.runId !== before.runId && (await stageStatus(bench.client, `${id}/pretrain`)).state === 'running';
  }, 'the stage runs again, as a stage of the run that goes on');
  await untilStage(bench.client, id, 'pretrain', 'running');
  await bench.client.workflow.getHandle(id).cancel();
  await expect(bench.client.workflow.getHandle(id).result()).rejects.toThrow(/cancel/i);
  expect((await stageStatus(bench.client, `${id}/pretrain`)).state).toBe('cancelled');
}, 180_000);
