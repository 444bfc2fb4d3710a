import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { claimQueue, thisInstallation } from '../../installation/index.ts';
import { knownStoreId, latestClaim } from '../../store/index.ts';
import { until } from '../support/machine.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';
import { aCampaign } from '../support/worker.ts';

/** Two installations with one Temporal: real workers in separate processes, real stores, toy stage programs. */
vi.setConfig({ testTimeout: 240_000 });

interface Place {
  readonly store: string;
  readonly home: string;
  readonly queue: string;
}

let temporal: TestTemporal;
let client: Client;
let folder: string;
let one: Place;
let two: Place;
const processes: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-two-'));
  const place = (queue: string) => ({ store: join(folder, queue, 'store'), home: join(folder, queue, 'home'), queue });
  [one, two] = [place('one'), place('two')];
  temporal = await startTemporal();
  client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  for (const { store, queue } of [one, two]) await claimQueue(client, queue, await thisInstallation(store));
});

afterAll(async () => {
  for (const one of processes) one.kill('SIGKILL');
  await client?.connection.close();
  await temporal?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a worker with toy programs. @returns once it polls */
async function startWorker({ store, home, queue }: Place): Promise<ChildProcess> {
  const program = inProject('tests/support/toy-worker.ts');
  const worker = spawn(process.execPath, [program, temporal.address, store, home, queue], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(worker);
  await once(worker.stdout, 'data');
  return worker;
}

const environment = ({ store, home, queue }: Place) => ({
  TEMPORAL_ADDRESS: temporal.address,
  TEMPORAL_NAMESPACE: 'default',
  ORRERY_TASK_QUEUE: queue,
  ORRERY_STORE: store,
  ORRERY_HOME: home,
  ORRERY_EXECUTOR: 'local',
  ORRERY_LOG_LEVEL: 'info',
  ORRERY_DOMAINS: inProject('tests/support/toy/domains'),
});
const orrery = (place: Place, ...args: string[]) =>
  execa(process.execPath, [inProject('cli/main.ts'), ...args], { reject: false, env: environment(place) });
const productWorker = (place: Place) =>
  execa(process.execPath, [inProject('worker.ts')], { reject: false, all: true as const, env: environment(place) });

/** Waits until a worker logs that it polls. */
async function polls(worker: ReturnType<typeof productWorker>): Promise<void> {
  let said = '';
  worker.all.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until('the worker polls', () => said.includes('worker started'), 180_000);
}

/** A campaign as short as possible, because only the installation that runs it matters. */
const aShort = (name: string, settings: Record<string, unknown> = {}) =>
  aCampaign({ name, settings, arms: [{ name: 'astro' }], until: 'linearise' });
const start = (workflowId: string, { queue }: Place, settings: Record<string, unknown> = {}) =>
  client.workflow.start('campaign', { taskQueue: queue, workflowId, args: [aShort(workflowId, settings)] });

/** The campaigns in a store, and the owners of its claims. */
async function traces({ store }: Place): Promise<{ campaigns: string[]; owners: string[] }> {
  const stages = readdirSync(join(store, 'stages')).map((key) => join(store, 'stages', key));
  const claims = await Promise.all(stages.map(latestClaim));
  const owners = claims.flatMap((claim) => claim?.owner.split('/')[0] ?? []);
  return { campaigns: readdirSync(join(store, 'campaigns')), owners: [...new Set(owners)] };
}

test('two installations run their campaigns side by side without affecting each other', async () => {
  const workers = await Promise.all([one, two].map(startWorker));
  const campaigns = await Promise.all([start('first', one), start('second', two)]);
  await Promise.all(campaigns.map((campaign) => campaign.result()));
  expect(await traces(one)).toEqual({ campaigns: ['first'], owners: ['first'] });
  expect(await traces(two)).toEqual({ campaigns: ['second'], owners: ['second'] });

  // Stages stay on the queue of their campaign.
  const stage = await client.workflow.getHandle('second/search').describe();
  expect(stage.taskQueue).toBe('two');
  for (const worker of workers) worker.kill('SIGKILL');
});

test('a worker does not poll the queue of another store; its message names the owner, since when, and both solutions', async () => {
  const { exitCode, all } = await productWorker({ ...two, queue: 'one' });
  expect(exitCode).toBe(73);
  expect(all).toContain(`task queue one belongs to the store ${await knownStoreId(one.store)} (${one.store} on `);
  expect(all).toMatch(/ since 20\d\d-/);
  expect(all).toContain('ORRERY_TASK_QUEUE=NAME');
  expect(all).toContain('queue release');
  expect(all).not.toContain('worker started');
});

test('after its worker was killed, a store gets its queue again, and its campaign continues', async () => {
  const first = await startWorker(one);
  const campaign = await start('killed', one, { secondsPerStage: 1 });
  await until('a stage is claimed', async () => (await traces(one)).owners.includes('killed'));
  first.kill('SIGKILL');
  await once(first, 'exit');
  expect((await productWorker({ ...two, queue: 'one' })).exitCode).toBe(73); // nobody polls it now, and it is not free
  const second = await startWorker(one);
  await campaign.result();
  second.kill('SIGKILL');
});

test('a campaign id that is open in another installation is refused, and is free again when it is closed', async () => {
  const file = join(folder, 'campaign.json');
  writeFileSync(file, JSON.stringify(aShort('shared')));
  const campaign = await start('shared', one); // no worker: it stays open
  const refused = await orrery(two, 'submit', file);
  expect(refused, refused.stderr).toMatchObject({ exitCode: 73 });
  expect(refused.stderr).toContain(
    `in another installation: task queue one belongs to the store ${await knownStoreId(one.store)}`,
  );
  for (const command of ['status', 'pause', 'cancel']) {
    const looked = await orrery(two, command, 'shared');
    expect(looked).toMatchObject({ exitCode: 66 });
    expect(looked.stderr).toContain(
      'campaign shared is on task queue "one", not on this installation\'s task queue, two',
    );
  }
  await until('it is listed', async () => (await orrery(one, 'list')).stdout.includes('shared'));
  expect((await orrery(two, 'list')).stdout).toBe('no campaign is open on the task queue two');

  await campaign.terminate();
  const worker = await startWorker(two);
  expect(await orrery(two, 'submit', file, '--wait')).toMatchObject({ exitCode: 0 });
  expect(existsSync(join(two.store, 'campaigns/shared/report.html'))).toBe(true);
  expect(existsSync(join(one.store, 'campaigns/shared'))).toBe(false);

  // Without their worker, stages stay open after their campaign. They block its id, and the message names them.
  await client.workflow.start('stage', { workflowId: 'left/search', taskQueue: 'one', args: [] });
  await until('the stage is listed', async () =>
    (await orrery(one, 'queue', 'show', '--json')).stdout.includes('"left"'),
  );
  const left = await start('left', two);
  await expect(left.result()).rejects.toMatchObject({
    cause: { message: expect.stringContaining('left/search') },
  });
  await client.workflow.getHandle('left/search').terminate();
  worker.kill('SIGKILL');
});

test('a queue in use is released only by force; then its worker exits, and another store can claim the queue', async () => {
  const worker = productWorker(one);
  await polls(worker);
  const open = await client.workflow.start('campaign', { taskQueue: 'one', workflowId: 'open', args: [{}] });
  await open.result().catch(() => undefined); // the input is none: it ends at once
  const refused = await orrery(one, 'queue', 'release');
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('and is in use');
  expect(refused.stderr).toContain('a worker polls it');

  expect((await orrery(one, 'queue', 'release', '--force')).stdout).toMatch(/^task queue one is free; store /);
  const { exitCode, all } = await worker;
  expect(exitCode).toBe(73);
  expect(all).toContain('was released (orrery queue release)');

  const theirs = { ...two, queue: 'one' };
  const successor = productWorker(theirs);
  await polls(successor);
  expect((await orrery(theirs, 'queue')).stdout).toContain(`belongs to the store ${await knownStoreId(two.store)}`);
  successor.kill('SIGTERM');
  expect(await successor).toMatchObject({ exitCode: 0 }); // with the queue still its own
});
