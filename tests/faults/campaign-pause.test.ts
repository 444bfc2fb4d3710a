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

const handle = () => machine.client().workflow.getHandle<typeof campaign>('paused');
const status = () => handle().query<CampaignStatus>('status');
const start = (spec: ReturnType<typeof aCampaign>) =>
  machine.client().workflow.start('campaign', { taskQueue: 'orrery', workflowId: 'paused', args: [spec] });
const stepsOf = () => new Map(stagesOfStore(machine.store).map(({ name, steps }) => [name, steps]));
const ONE_ARM = { arms: [{ name: 'astro' }] };

test('pauses ten times in a row, in one stage after another and across restarts of everything, and loses no step', async () => {
  const STEPS = 100;
  let worker = await machine.startWorker();
  await start(aCampaign({ ...ONE_ARM, settings: { steps: STEPS, stepMs: 40 } }));
  const pausedIn = new Set<string>();
  for (let round = 0; round < 10; round += 1) {
    const left = 12 - pausedIn.size;
    await until('a stage works', async () =>
      (await status()).stages.some(({ name, state }) => state === 'running' && (left < 4 || !pausedIn.has(name))),
    );
    const paused = await handle().executeUpdate<CampaignStatus, []>('pause');
    expect(paused.phase).toBe('paused');
    expect(await machine.jobProcesses()).toEqual([]);
    const before = stepsOf();
    for (const { name, state } of paused.stages) if (state === 'paused') pausedIn.add(name);

    if (round % 3 === 1) {
      worker.kill('SIGKILL');
      await machine.killTemporal();
      await machine.startTemporal();
      worker = await machine.startWorker();
    }
    expect((await status()).phase).toBe('paused');
    expect(stepsOf()).toEqual(before);
    await handle().executeUpdate('resume');
  }
  await handle().result();
  expect(pausedIn.size).toBeGreaterThanOrEqual(7);
  for (const stage of stagesOfStore(machine.store))
    expect(stage, stage.name).toMatchObject({ sealed: true, steps: STEPS });

  const { stages, account } = await status();
  expect(stages.flatMap(({ incidents }) => incidents)).toEqual([]); // a pause is no failure
  expect(account.seconds.paused).toBeGreaterThan(0);
  expect(account.causes.Pause?.times).toBeGreaterThanOrEqual(8);
}, 400_000);

test('pauses during a back-off, and continues with the attempt that was due', async () => {
  await machine.startWorker();
  await start(aCampaign({ ...ONE_ARM, settings: { faults: { prepare: [1] } } }));
  await until('the back-off', async () => (await status()).stages[0]?.state === 'backing-off');
  const paused = await handle().executeUpdate<CampaignStatus, []>('pause');
  expect(paused.stages[0]).toMatchObject({ name: 'prepare', state: 'paused', failures: 1 });
  expect(await machine.jobProcesses()).toEqual([]);
  await handle().executeUpdate('resume');
  await handle().result();
  expect((await status()).stages[0]).toMatchObject({ state: 'completed', executions: 2, attempt: 1 });
}, 180_000);

test('a pause that is requested while no worker runs is kept, and the next worker obeys it', async () => {
  const worker = await machine.startWorker();
  await start(aCampaign({ ...ONE_ARM, settings: { steps: 2000, stepMs: 50, only: ['pretrain'] } }));
  await until('pretrain works', async () => (await status()).stages[1]?.progress != null);
  worker.kill('SIGKILL');
  await handle().signal('pause');
  expect(await machine.jobProcesses()).not.toEqual([]);

  await machine.startWorker();
  await until('paused', async () => (await status()).phase === 'paused');
  expect(await machine.jobProcesses()).toEqual([]);
  expect((await status()).stages[1]).toMatchObject({ name: 'pretrain', state: 'paused', executions: 1, failures: 0 });
  await handle().cancel();
}, 180_000);
