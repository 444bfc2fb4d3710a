import { mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test as it, vi } from 'vitest';
import type { JobRequest } from '../../executor/index.ts';
import { type Gpu, localOutcome } from '../../local/index.ts';
import { aJob, doing, eventually, Machine } from './support.ts';

// The GPUs are simulated, because the machine of the tests may have none. Only their assignment to processes is tested.
// The processes are real.
vi.setConfig({ testTimeout: 30_000 });
const test = it.concurrent;

const gpus = (count: number): Gpu[] => Array.from({ length: count }, (_, index) => ({ index, memoryGiB: 80 }));
const machine = (count: number): Machine => {
  const made = new Machine({ gpus: gpus(count) });
  mkdirSync(made.store, { recursive: true });
  return made;
};
const asking = (count: number, changes: Partial<JobRequest> = {}): JobRequest =>
  aJob({ main: doing('environment'), resources: { cpus: 1, gpus: count }, ...changes });
const visibleTo = (here: Machine, part = 0) =>
  JSON.parse(readFileSync(join(here.store, `environment-${part}.json`), 'utf8'));

describe('a pod that requests GPUs', () => {
  test('sees only its own, and reports which', async () => {
    await using here = machine(4);
    await here.executor.submit(asking(2));
    const end = await here.end(aJob().name);
    expect(end).toMatchObject({ phase: 'succeeded', pods: [{ node: `${hostname()}/gpu-0,1` }] });
    expect(visibleTo(here)).toMatchObject({ CUDA_VISIBLE_DEVICES: '0,1', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
  });

  test('avoids excluded ones', async () => {
    await using here = machine(3);
    const excludedNodes = [`${hostname()}/gpu-0`, 'elsewhere/gpu-1'];
    await here.executor.submit(asking(2, { excludedNodes }));
    expect(await here.end(aJob().name)).toMatchObject({ pods: [{ node: `${hostname()}/gpu-1,2` }] });
  });

  test('that the machine lacks is unschedulable, with a message', async () => {
    await using here = machine(1);
    await here.executor.submit(asking(2));
    expect(localOutcome(await here.end(aJob().name), 0)).toMatchObject({
      failure: { class: 'Unschedulable', message: 'needs 2 GPUs, but this machine has 1' },
    });
    expect(here.notes()).toEqual([]);
  });

  test('waits while another job has them, reports that, and runs once they are free', async () => {
    await using here = machine(2);
    await here.executor.submit(asking(2, { name: 'first', main: doing('stay') }));
    await here.until('first', ({ phase }) => phase === 'running');
    await here.executor.submit(asking(2, { name: 'second', main: doing('brief', '1') }));
    const message = 'waits for 2 GPUs, 0 of 2 free: gpu-0 has job first, gpu-1 has job first';
    const waiting = (await here.until('second', (job) => job.message !== null)).at(-1);
    expect(waiting).toMatchObject({ phase: 'pending', message, pods: [{ phase: 'pending', message, node: null }] });
    await here.executor.suspend('first');
    expect(await here.end('second')).toMatchObject({ phase: 'succeeded', message: null, pods: [{ message: null }] });
  });

  test('can be stopped while it waits', async () => {
    await using here = machine(1);
    await here.executor.submit(asking(1, { name: 'first', main: doing('stay') }));
    await here.until('first', ({ phase }) => phase === 'running');
    await here.executor.submit(asking(1, { name: 'second', main: doing('stay') }));
    await here.until('second', ({ message }) => message !== null);
    await here.executor.suspend('second');
    expect(await here.executor.observe('second')).toMatchObject({ phase: 'stopped', pods: [{ phase: 'pending' }] });
    expect(await here.executor.observe('first')).toMatchObject({ phase: 'running' });
  });
});

test('no two pods of many jobs that start at the same time share a GPU', async () => {
  await using here = machine(3);
  const names = ['a', 'b', 'c', 'd'];
  const jobs = names.map((name) => asking(1, { name, main: doing('brief', '300'), parts: 2, parallelism: 2 }));
  await Promise.all(jobs.map((job) => here.executor.submit(job)));
  const pods = (await Promise.all(names.map((name) => here.end(name)))).flatMap((job) => job.pods);
  expect(pods.map(({ phase }) => phase)).toEqual(Array(8).fill('succeeded'));
  expect(new Set(pods.map(({ node }) => node)).size).toBe(3);
  for (const [index, one] of pods.entries()) {
    for (const other of pods.slice(index + 1).filter(({ node }) => node === one.node)) {
      const apart = one.finishedAt! <= other.startedAt! || other.finishedAt! <= one.startedAt!;
      expect(apart, `${one.node} from ${one.startedAt} to ${one.finishedAt}, and from ${other.startedAt}`).toBe(true);
    }
  }
});

test('ranks of a gang start together, each with its own GPUs, as local rank 0 of 1', async () => {
  await using here = machine(4);
  await here.executor.submit(asking(2, { parts: 2, parallelism: 2, gang: true }));
  await here.end(aJob().name);
  expect(visibleTo(here, 1)).toMatchObject({ RANK: '1', LOCAL_RANK: '0', LOCAL_WORLD_SIZE: '1', WORLD_SIZE: '2' });
  expect([0, 1].map((rank) => visibleTo(here, rank).CUDA_VISIBLE_DEVICES).toSorted()).toEqual(['0,1', '2,3']);
});

test('GPUs of a job whose supervisor was killed are free once its processes are gone', async () => {
  await using here = machine(1);
  await here.executor.submit(asking(1, { name: 'first', main: doing('spawner') }));
  await here.untilNoted('begin 0');
  const before = await here.alive();
  process.kill(here.supervisorPid('first'), 'SIGKILL');
  await here.executor.submit(asking(1, { name: 'second', main: doing('stay') }));
  await here.until('second', ({ phase }) => phase === 'running');
  const now = await here.alive();
  expect(before.filter((pid) => now.includes(pid))).toEqual([]);
});

test('a shard frees its GPU when it ends, and no process of it still uses the GPU', async () => {
  await using here = machine(1);
  await here.executor.submit(asking(1, { main: doing('leaveBehind', '800'), parts: 2 }));
  expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded' });
  expect(here.notes()).toEqual(['begin 0', 'begin 1', 'end 1']);
  await eventually(async () => (await here.alive()).length === 0, 'no process left');
});

test('a pod without GPUs runs on the machine, and a warning says that its exclusion is impossible', async () => {
  const warnings: string[] = [];
  const log = { info() {}, warn: (_: object, message: string) => void warnings.push(message) };
  await using here = new Machine({ gpus: gpus(1), log });
  mkdirSync(here.store, { recursive: true });
  await here.executor.submit(asking(0, { excludedNodes: [hostname()] }));
  expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded', pods: [{ node: hostname() }] });
  expect(visibleTo(here).CUDA_VISIBLE_DEVICES).toBe('');
  expect(warnings).toEqual([expect.stringContaining('it is the only machine')]);
});
