import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CampaignStatus } from '../../spec/index.ts';
import type { campaign } from '../../workflows/index.ts';
import { type Machine, openMachine, until } from '../support/machine.ts';
import { stagesOfStore } from '../support/store-facts.ts';
import { aCampaign } from '../support/worker.ts';

let machine: Machine;
beforeEach(async () => {
  machine = await openMachine();
}, 120_000);
afterEach(async () => {
  await machine?.close();
}, 60_000);

const ONE_ARM = { arms: [{ name: 'astro' }] };
const start = (workflowId: string, spec: ReturnType<typeof aCampaign>) =>
  machine.client().workflow.start<typeof campaign>('campaign', { taskQueue: 'orrery', workflowId, args: [spec] });
const statusOf = (workflowId: string) =>
  machine.client().workflow.getHandle(workflowId).query<CampaignStatus>('status');

/** No work of a stage was done twice: it has one claim, and every step is in the journal once. */
function expectEachStageOnce(steps: number): void {
  for (const stage of stagesOfStore(machine.store)) {
    expect(stage, stage.name).toMatchObject({ attempts: [0], sealed: true, steps });
  }
}

test('killing the worker before and after each activity costs no execution, and no work is done twice', async () => {
  const moments = ['admitCampaign', 'startAttempt', 'awaitJob', 'publishReport'].flatMap((activity) => [
    `before ${activity}`,
    `after ${activity}`,
  ]);
  const died: string[] = [];
  const handles = await Promise.all([1, 2].map((seed) => start(`seed-${seed}`, aCampaign({ ...ONE_ARM, seed }))));
  let over = false;
  const finished = Promise.all(handles.map((handle) => handle.result())).finally(() => {
    over = true;
  });

  // Two workers run at a time. Each dies at the next moment of the list, and the other continues its work.
  async function keepWorking(): Promise<void> {
    while (!over) {
      const moment = moments.shift();
      const worker = await machine.startWorker(moment === undefined ? {} : { ORRERY_TEST_DIE: moment });
      await Promise.race([exitOf(worker), finished]);
      if (over) worker.kill('SIGKILL');
      else if (moment !== undefined) died.push(moment);
    }
  }
  await Promise.all([keepWorking(), keepWorking(), finished]);

  expect(died.length).toBeGreaterThanOrEqual(8);
  expectEachStageOnce(3);
}, 300_000);

test('a pause and a cancellation complete although the worker is killed before and after it ends a job', async () => {
  const settings = { steps: 3000, stepMs: 50, only: ['pretrain'] };
  const handle = await start('ended', aCampaign({ ...ONE_ARM, settings }));
  const worker = (dies?: string) => machine.startWorker(dies === undefined ? {} : { ORRERY_TEST_DIE: dies });
  const pretrainIs = (state: string) => async () => (await statusOf('ended')).stages[1]?.state === state;

  const first = await worker('before suspendJob');
  await until('pretrain runs', pretrainIs('running'));
  await handle.signal('pause');
  await exitOf(first);
  await exitOf(await worker('after suspendJob'));
  const third = await worker();
  await until('paused', async () => (await statusOf('ended')).phase === 'paused');
  expect(await machine.jobProcesses()).toEqual([]);
  expect((await statusOf('ended')).stages[1]).toMatchObject({ executions: 1, failures: 0, incidents: [] });
  third.kill('SIGKILL');

  const fourth = await worker('before stopJob');
  await handle.signal('resume');
  await until('pretrain runs again', pretrainIs('running'));
  await handle.cancel();
  await exitOf(fourth);
  await exitOf(await worker('after stopJob'));
  await worker();
  await expect(handle.result()).rejects.toThrow();
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  expect(await machine.jobProcesses()).toEqual([]);
}, 400_000);

test('another campaign takes a held stage although the worker is killed before and after it releases it, and the first campaign uses the result', async () => {
  const spec = aCampaign({ ...ONE_ARM, onFailure: 'hold', settings: { faults: { pretrain: [65] } } });
  const worker = (dies: string) => machine.startWorker({ ORRERY_TEST_DIE: dies });
  const held = await start('held', spec);
  await exitOf(await worker('before releaseStage'));
  await exitOf(await worker('after releaseStage'));
  await machine.startWorker();
  await until('pretrain is held', async () => (await statusOf('held')).stages[1]?.state === 'held');
  expect((await statusOf('held')).stages[1]).toMatchObject({ executions: 1, failures: 1, attempt: 0 });

  await (await start('other', spec)).result();
  expect((await statusOf('other')).stages[1]).toMatchObject({ state: 'completed', executions: 1, attempt: 1 });
  await held.signal('retryStage', { stage: 'pretrain' });
  await held.result();
  expect((await statusOf('held')).stages[1]).toMatchObject({ state: 'reused', executions: 1 });
  const pretrain = stagesOfStore(machine.store).find(({ name }) => name === 'pretrain');
  expect(pretrain).toMatchObject({ attempts: [0, 1], sealed: true, steps: 3 });
}, 300_000);

test('a worker that gets SIGTERM hands its stages to another worker at once, and the stages run on', async () => {
  const steps = 200;
  const first = await machine.startWorker();
  const spec = aCampaign({ ...ONE_ARM, settings: { steps, stepMs: 50, only: ['pretrain'] } });
  const handle = await start('drained', spec);
  await until('pretrain runs', async () => (await statusOf('drained')).stages[1]?.state === 'running');
  await machine.startWorker();

  first.kill('SIGTERM');
  const [exitCode] = await once(first, 'exit');
  expect(exitCode).toBe(0);
  await handle.result();

  const pretrain = (await statusOf('drained')).stages[1];
  expect(pretrain).toMatchObject({ name: 'pretrain', executions: 1, failures: 0, incidents: [] });
  expect(stagesOfStore(machine.store).find(({ name }) => name === 'pretrain')).toMatchObject({ attempts: [0], steps });
}, 180_000);

test('with two workers, a campaign that is submitted twice runs once, with one execution of each stage', async () => {
  await Promise.all([machine.startWorker(), machine.startWorker()]);
  const spec = aCampaign({ ...ONE_ARM });
  const submitted = await Promise.allSettled([start('twice', spec), start('twice', spec)]);
  expect(submitted.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  await machine.client().workflow.getHandle('twice').result();
  expectEachStageOnce(3);
}, 180_000);

const exitOf = async (worker: ChildProcess): Promise<void> => {
  if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit');
};
