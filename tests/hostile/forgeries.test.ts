import { beforeAll, expect, test } from 'vitest';
import { viewCampaign } from '../../cli/campaigns.ts';
import { CampaignStatus, NEW_ACCOUNT, type StageStatus } from '../../spec/index.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { encoded } from './payloads.ts';
import { campaignStatus, failedTasks, longCampaign, stageStatus, until, untilStage } from './support.ts';

/** Well-formed messages and results that come from a stranger and not from the campaign. */
const bench = runningWorkbench();
const ID = 'forged';
const STAGE = `${ID}/pretrain`;

beforeAll(async () => {
  await bench.client.workflow.start('campaign', { taskQueue: 'orrery', workflowId: ID, args: [longCampaign(3)] });
  await untilStage(bench.client, ID, 'pretrain', 'running');
}, 180_000);

/** The activity that watches the job of a stage. */
async function watchOf(workflowId: string): Promise<string> {
  const { raw } = await bench.client.workflow.getHandle(workflowId).describe();
  return raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'awaitJob')?.activityId ?? '';
}

async function forge(change: Partial<StageStatus>): Promise<void> {
  const handle = bench.client.workflow.getHandle(ID);
  const { raw } = await handle.describe();
  const campaignRun = raw.workflowExecutionInfo?.firstRunId || raw.workflowExecutionInfo?.execution?.runId;
  const status = { ...(await stageStatus(bench.client, STAGE)), ...change };
  await handle.signal('stageChanged', { campaignRun, status });
}

test('a result in a signal is ignored', async () => {
  const before = (await campaignStatus(bench.client, ID)).ignored?.times ?? 0;
  await forge({ state: 'completed', result: { kind: 'pretrain', key: 'a'.repeat(64), digest: 'b'.repeat(64) } });
  const { ignored, stages } = await campaignStatus(bench.client, ID);
  expect(ignored).toMatchObject({ times: before + 1, last: { why: expect.stringMatching(/from its workflow alone/) } });
  expect(stages.find(({ name }) => name === 'pretrain')).toMatchObject({ state: 'running', result: null });
}, 60_000);

test('numbers whose sum would overflow are ignored', async () => {
  const before = (await campaignStatus(bench.client, ID)).ignored?.times ?? 0;
  await forge({ gpuHours: 1.7e308 });
  await forge({ account: { seconds: { ...NEW_ACCOUNT.seconds, working: 1e308, paused: 1e308 }, causes: {} } });
  await forge({ account: { ...NEW_ACCOUNT, causes: { Crashed: { times: Number.MAX_SAFE_INTEGER, seconds: 0 } } } });
  const status = await campaignStatus(bench.client, ID);
  expect(status.ignored).toMatchObject({ times: before + 3, last: { why: expect.stringMatching(/times: expected/) } });
  // The schema with which the command line reads the answer.
  expect(CampaignStatus.parse(status).gpuHours).toBe(0);
}, 60_000);

test('a stage that a stranger pauses continues, because its campaign resumes it', async () => {
  const { executions } = await stageStatus(bench.client, STAGE);
  await bench.client.workflow.getHandle(STAGE).signal('setPaused', true);
  await until(async () => {
    const now = await stageStatus(bench.client, STAGE);
    return now.state === 'running' && now.executions > executions;
  }, 'the stage runs again');
}, 120_000);

test('a pause returns when the machine is free, whatever strangers report in the meantime', async () => {
  const handle = bench.client.workflow.getHandle(ID);
  await untilStage(bench.client, ID, 'pretrain', 'running');
  await forge({ state: 'paused' });
  const paused = await handle.executeUpdate<CampaignStatus, []>('pause');
  expect(paused.phase).toBe('paused');
  expect((await stageStatus(bench.client, STAGE)).state).toBe('paused');
  await handle.executeUpdate('resume');
  await untilStage(bench.client, ID, 'pretrain', 'running');

  const pausing = handle.executeUpdate<CampaignStatus, []>('pause');
  for (let times = 0; times < 3; times += 1) await forge({ state: 'running' });
  expect((await pausing).phase).toBe('paused');
  await handle.executeUpdate('resume');
  await untilStage(bench.client, ID, 'pretrain', 'running');
}, 180_000);

test('a failure with unreadable details ends its campaign with its message', async () => {
  const id = 'failed';
  const handle = await bench.client.workflow.start('campaign', {
    taskQueue: 'orrery',
    workflowId: id,
    args: [longCampaign(4)],
  });
  await untilStage(bench.client, id, 'pretrain', 'running');
  const workflowId = `${id}/pretrain`;
  await bench.client.workflowService.respondActivityTaskFailedById({
    namespace: 'default',
    workflowId,
    runId: '',
    activityId: await watchOf(workflowId),
    failure: {
      message: 'the message of a stranger',
      applicationFailureInfo: { type: 't', nonRetryable: true, details: { payloads: [encoded('foo/bar', '{}')] } },
    },
  });
  await expect(handle.result()).rejects.toThrow(/failed/);
  expect((await viewCampaign(bench.client, id)).failure).toBe('the message of a stranger');
  expect(await failedTasks(bench.client, workflowId)).toEqual([]);
}, 120_000);

test('an unreadable result of an activity fails the task, and the job continues', async () => {
  const activityId = await watchOf(STAGE);
  await bench.client.workflowService.respondActivityTaskCompletedById({
    namespace: 'default',
    workflowId: STAGE,
    runId: '',
    activityId,
    result: { payloads: [encoded('foo/bar', '{}')] },
  });
  await until(async () => (await failedTasks(bench.client, STAGE)).length > 0, 'the task has failed');
  expect((await failedTasks(bench.client, STAGE))[0]).toMatch(/the result of an activity cannot be read.*foo\/bar/);
  expect((await campaignStatus(bench.client, ID)).stages.find(({ name }) => name === 'pretrain')?.state).toBe(
    'running',
  );
}, 120_000);
