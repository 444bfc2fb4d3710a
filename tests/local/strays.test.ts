import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test as it, vi } from 'vitest';
import { localMachine } from '../../local/index.ts';
import { aJob, doing, eventually, Machine } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });
const test = it.concurrent;

async function machineAtWork(): Promise<Machine> {
  const here = new Machine();
  mkdirSync(here.store, { recursive: true });
  await here.executor.submit(aJob({ main: doing('spawner') }));
  await here.untilNoted('begin 0');
  return here;
}

test('processes of a job whose record is gone are found and killed, including the supervisor', async () => {
  await using here = await machineAtWork();
  const processes = await here.alive();
  expect(processes).toHaveLength(3);
  rmSync(join(here.home, 'jobs'), { recursive: true });
  const { findStrays, killStray } = localMachine(here.home);
  const strays = await findStrays();
  expect(strays.map(({ pid }) => pid).toSorted()).toEqual(processes.toSorted());
  expect(strays).toContainEqual(
    expect.objectContaining({ job: aJob().name, command: expect.stringMatching(/spawner/) }),
  );
  for (const stray of strays) await killStray(stray);
  await eventually(async () => (await here.alive()).length === 0, 'no process left');
});

test('processes of a job with a record, and those of another home, are no strays', async () => {
  await using here = await machineAtWork();
  await using other = await machineAtWork();
  expect(await localMachine(here.home).findStrays()).toEqual([]);
  rmSync(join(other.home, 'jobs'), { recursive: true });
  expect(await localMachine(here.home).findStrays()).toEqual([]);
});

test('a process that reuses the pid of a stray is not killed', async () => {
  await using here = await machineAtWork();
  const pid = here.supervisorPid(aJob().name);
  await localMachine(here.home).killStray({ pid, start: 'of an earlier process' });
  expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });
});
