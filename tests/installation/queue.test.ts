import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  claimQueue,
  describeQueueLoss,
  describeQueueOwner,
  type Installation,
  isOpenInStore,
  listWorkflows,
  openStageElsewhere,
  parseQueueOwner,
  queueOwnerId,
  queueOwnerOf,
  releaseQueue,
  thisInstallation,
  watchQueueClaim,
} from '../../installation/index.ts';
import { storeId } from '../../store/index.ts';
import { workflowBundle } from '../../worker/bundle.ts';
import { findIncompatibleWorkflows } from '../../worker/preflight.ts';
import { until } from '../support/machine.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';

// A real Temporal without a worker, because the record of a queue never runs.
let temporal: TestTemporal;
let client: Client;
beforeAll(async () => {
  temporal = await startTemporal();
  client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
});
afterAll(async () => {
  await client?.connection.close();
  await temporal?.stop();
});

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
const aStore = (): Promise<Installation> => thisInstallation(aFolder());
const ended = (queue: string) => client.workflow.getHandle(queueOwnerId(queue)).terminate('by hand');

test('exactly one of twenty stores gets the queue, and all others learn which one', async () => {
  const stores = await Promise.all(Array.from({ length: 20 }, aStore));
  const claims = await Promise.all(stores.map((one) => claimQueue(client, 'twenty', one)));
  const winners = stores.filter((_, index) => claims[index]?.kind === 'ours');
  expect(winners).toHaveLength(1);
  for (const claim of claims.filter(({ kind }) => kind !== 'ours')) {
    expect(claim).toMatchObject({ kind: 'taken', holder: { kind: 'store', ...winners[0] } });
  }
});

test('several workers of one store can claim its queue at once', async () => {
  const store = await aStore();
  const claims = await Promise.all([1, 2, 3, 4].map(() => claimQueue(client, 'again', store)));
  const runs = new Set(claims.map((claim) => (claim.kind === 'ours' ? claim.runId : claim.kind)));
  expect(runs.size).toBe(1);
  expect([...runs]).not.toContain('taken');
});

test('no message releases a queue, and none makes a task fail', async () => {
  const [store, other] = [await aStore(), await aStore()];
  await claimQueue(client, 'messages', store);
  const record = client.workflow.getHandle(queueOwnerId('messages'));
  await record.cancel();
  for (const signal of ['release', 'stageChanged', '__temporal_workflow_x']) {
    // Temporal refuses the reserved name.
    await record.signal(signal, { store: other.store }).catch(() => undefined);
  }
  expect(await claimQueue(client, 'messages', other)).toMatchObject({ kind: 'taken', holder: { store: store.store } });
  const { status, historyLength } = await record.describe();
  expect(status.name).toBe('RUNNING');
  expect(historyLength).toBeLessThanOrEqual(6); // start, task that nobody takes, cancel, signals
});

test('the first claim after a loss creates the record again, and so does a running worker', async () => {
  const [store, other] = [await aStore(), await aStore()];
  const claim = await claimQueue(client, 'lost', store);
  await ended('lost');
  expect(await claimQueue(client, 'lost', other)).toMatchObject({ kind: 'ours' });

  const stop = new AbortController();
  const runId = claim.kind === 'ours' ? claim.runId : '';
  // The record is gone, and another store has claimed the queue.
  expect(await watchQueueClaim(client, 'lost', store, runId, stop.signal)).toMatchObject({ kind: 'taken' });
  const kept = await claimQueue(client, 'kept', store);
  const keeping = watchQueueClaim(client, 'kept', store, kept.kind === 'ours' ? kept.runId : '', stop.signal);
  await ended('kept');
  await until('the record is there again', async () => (await queueOwnerOf(client, 'kept')).kind === 'store');
  expect(await queueOwnerOf(client, 'kept')).toMatchObject({ store: store.store });
  stop.abort();
  expect(await keeping).toBeNull();
});

test('the worker of a released queue does not claim it again', async () => {
  const [store, other] = [await aStore(), await aStore()];
  const claim = await claimQueue(client, 'released', store);
  const runId = claim.kind === 'ours' ? claim.runId : '';
  const keeping = watchQueueClaim(client, 'released', store, runId, new AbortController().signal);
  await releaseQueue(client, 'released', runId);
  expect(await keeping).toEqual({ kind: 'released' });
  expect(await queueOwnerOf(client, 'released')).toEqual({ kind: 'nobody' });
  expect(await claimQueue(client, 'released', other)).toMatchObject({ kind: 'ours' });
  await expect(releaseQueue(client, 'released', runId)).rejects.toThrow(); // of an older record nothing is released
});

test('the message about a taken queue names its owner, since when, and both solutions', async () => {
  const [store, other] = [await aStore(), await aStore()];
  await claimQueue(client, 'words', store);
  const claim = await claimQueue(client, 'words', other);
  const words = claim.kind === 'ours' ? '' : describeQueueLoss('words', claim, other, 'npx orrery queue release');
  expect(words).toContain(`task queue words belongs to the store ${store.store} (${store.path} on ${hostname()})`);
  expect(words).toMatch(/ since 20\d\d-\d\d-\d\dT/);
  expect(words).toContain(other.store);
  expect(words).toContain('ORRERY_TASK_QUEUE=');
  expect(words).toContain('npx orrery queue release');
});

describe('a record in Temporal is hostile until it is parsed', () => {
  const good = { store: 'abcdef0123', path: '/store', host: 'host' };
  const memos: Record<string, unknown> = {
    'no memo': undefined,
    'no fields': {},
    'a text': 'mine',
    'another name of a store': { ...good, store: '../../etc' },
    'a path with an escape sequence': { ...good, path: '/\u001b[2J' },
    'a path of 5,000 characters': { ...good, path: 'x'.repeat(5000) },
    'a host that is a number': { ...good, host: 1 },
  };
  test.each(Object.entries(memos))('%s', async (name, installation) => {
    const queue = `hostile-${Object.keys(memos).indexOf(name)}`;
    const memo = installation === undefined ? {} : { memo: { installation } };
    await client.workflow.start('queueOwner', { workflowId: queueOwnerId(queue), taskQueue: 'nobody', ...memo });
    const claim = await claimQueue(client, queue, await aStore());
    expect(claim).toMatchObject({ kind: 'taken', holder: { kind: 'unreadable' } });
    const words = claim.kind === 'taken' ? describeQueueOwner(queue, claim.holder) : '';
    expect(words).toContain(`orrery did not start the workflow ${queueOwnerId(queue)}`);
    expect(words).toMatch(/^\P{C}{0,300}$/u);
  });

  test('a memo that no converter can decode, also in a listing', async () => {
    const workflowId = queueOwnerId('undecodable');
    await client.workflowService.startWorkflowExecution({
      namespace: 'default',
      workflowId,
      requestId: 'x',
      workflowType: { name: 'queueOwner' },
      taskQueue: { name: 'undecodable-queue' },
      memo: { fields: { installation: { metadata: { encoding: Buffer.from('foo/bar') }, data: Buffer.from('x') } } },
    });
    expect(await claimQueue(client, 'undecodable', await aStore())).toMatchObject({ holder: { kind: 'unreadable' } });
    await until('it is listed', async () => {
      for await (const one of listWorkflows(client, "TaskQueue = 'undecodable-queue'"))
        if (one.workflowId === workflowId) return true;
      return false;
    });
  });

  test('a workflow of another type', () => {
    const facts = { workflowId: 'x', runId: 'r', taskQueue: 'q', isOpen: true, firstRunId: null, startedAt: null };
    expect(parseQueueOwner({ ...facts, type: 'campaign\n', memo: { installation: good } })).toMatchObject({
      kind: 'unreadable',
      why: 'it is of the type "campaign\\n"',
    });
    expect(parseQueueOwner({ ...facts, type: 'queueOwner', memo: { installation: good } })).toMatchObject(good);
  });
});

describe('a store identifies its installation', () => {
  test('concurrent callers get the same id for a new store', async () => {
    const folder = aFolder();
    expect(new Set(await Promise.all(Array.from({ length: 8 }, () => storeId(folder)))).size).toBe(1);
  });

  test('the id that an earlier version kept for Kubernetes is kept', async () => {
    const folder = aFolder();
    mkdirSync(join(folder, 'kubernetes'));
    writeFileSync(join(folder, 'kubernetes/instance.json'), '{"instance":"0123456789"}\n');
    expect(await storeId(folder)).toBe('0123456789');
    rmSync(join(folder, 'kubernetes'), { recursive: true });
    expect(await storeId(folder)).toBe('0123456789');
  });

  test('the error for a file without an id names its path', async () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'instance.json'), '{"instance":"/etc"}');
    await expect(storeId(folder)).rejects.toThrow(`${folder}/instance.json is not valid`);
  });

  test('a copy of a store is detected, and another path of the same store is not a copy', async () => {
    const [store, copy, path] = [aFolder(), aFolder(), join(aFolder(), 'link')];
    await claimQueue(client, 'copies', await thisInstallation(store));
    symlinkSync(store, path);
    expect(await claimQueue(client, 'copies', await thisInstallation(path))).toMatchObject({ kind: 'ours' });
    cpSync(store, copy, { recursive: true });
    const claim = await claimQueue(client, 'copies', await thisInstallation(copy));
    expect(claim).toEqual({ kind: 'copied', path: store });
    rmSync(store, { recursive: true }); // moved, or restored elsewhere
    expect(await claimQueue(client, 'copies', await thisInstallation(copy))).toMatchObject({ kind: 'ours' });
  });
});

test('a worker replays the open workflows of its own queue before it starts', async () => {
  await client.workflow.start('campaign', { workflowId: 'a', taskQueue: 'replayed', args: [{}] });
  await client.workflow.start('campaign', { workflowId: 'b', taskQueue: 'replayed-too', args: [{}] });
  await client.workflow.start('other', { workflowId: 'c', taskQueue: 'replayed', args: [{}] });
  await until('both are listed', async () => {
    let seen = 0;
    for await (const _ of listWorkflows(client, "WorkflowType = 'campaign' AND WorkflowId IN ('a', 'b')")) seen += 1;
    return seen === 2;
  });
  const told: object[] = [];
  const log = { info: (facts: object) => void told.push(facts), warn() {} };
  expect(await findIncompatibleWorkflows(client, 'replayed', await workflowBundle(), log)).toEqual([]);
  expect(told).toEqual([{ workflows: 1, incompatible: 0 }]);
});

test('a workflow with the same id on the queue of another store is not open here, but its stages block a campaign', async () => {
  const [ours, theirs] = [await aStore(), await aStore()];
  await claimQueue(client, 'ours', ours);
  await claimQueue(client, 'theirs', theirs);
  const start = (workflowId: string, taskQueue: string) =>
    client.workflow.start('stage', { workflowId, taskQueue, args: [] });
  await start('shared/search', 'theirs');
  const { firstExecutionRunId } = await start('own/search', 'ours');
  expect(await isOpenInStore(client, ours.store, { workflowId: 'shared/search' })).toBe(false);
  expect(await isOpenInStore(client, theirs.store, { workflowId: 'shared/search' })).toBe(true);
  expect(await isOpenInStore(client, ours.store, { workflowId: 'own/search', firstRun: firstExecutionRunId })).toBe(
    true,
  );
  expect(await isOpenInStore(client, ours.store, { workflowId: 'own/search', firstRun: 'another' })).toBe(false);

  await until('the stage is listed', async () => (await openStageElsewhere(client, 'shared', 'ours')) !== null);
  expect(await openStageElsewhere(client, 'shared', 'ours')).toContain(
    `stage shared/search is still open: task queue theirs belongs to the store ${theirs.store}`,
  );
  expect(await openStageElsewhere(client, 'shared', 'theirs')).toBeNull();
  expect(await openStageElsewhere(client, 'share', 'ours')).toBeNull();
});
