import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test as it, vi } from 'vitest';
import { localMachine } from '../../local/index.ts';
import { JOB_HOME, JOB_ID, jobFolder, jobPath } from '../../local/job-folder.ts';
import { markedProcesses, processStart } from '../../local/processes.ts';
import { aJob, doing, eventually, Machine } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });
const test = it.concurrent;

/** An executor with one standby supervisor, and its pid. */
async function machineWithStandby(): Promise<{ here: Machine; standby: number }> {
  const here = new Machine({ standby: 1 });
  mkdirSync(here.store, { recursive: true });
  return { here, standby: await standbyOf(here) };
}

async function standbyOf(here: Machine, but?: number): Promise<number> {
  const other = async () => (await here.alive()).find((pid) => pid !== but);
  await eventually(async () => (await other()) !== undefined, 'a standby');
  return (await other()) ?? 0;
}

const idOf = (here: Machine, job: string): string =>
  (JSON.parse(readFileSync(jobPath(jobFolder(here.home, job)), 'utf8')) as { id: string }).id;

test('the standby supervisor, which has the id from its start, takes the job, and the next one is started', async () => {
  const { here, standby } = await machineWithStandby();
  await using _ = here;
  await here.executor.submit(aJob({ main: doing('untilReleased') }));
  await here.until(aJob().name, ({ phase }) => phase === 'running');
  expect(here.supervisorPid(aJob().name)).toBe(standby);
  const ofJob = await markedProcesses(JOB_ID, idOf(here, aJob().name));
  expect(ofJob.map(({ pid }) => pid)).toContain(standby);
  writeFileSync(join(here.store, 'release'), '');
  expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded' });
  expect(await standbyOf(here, standby)).not.toBe(standby);
});

test('two simultaneous jobs have separate ids and supervisors', async () => {
  const { here } = await machineWithStandby();
  await using _ = here;
  const names = ['one', 'other'];
  await Promise.all(names.map((name, index) => here.executor.submit(aJob({ name, key: `${index}`.repeat(64) }))));
  for (const name of names) expect(await here.end(name)).toMatchObject({ phase: 'succeeded' });
  expect(new Set(names.map((name) => idOf(here, name))).size).toBe(2);
  expect(new Set(names.map((name) => here.supervisorPid(name))).size).toBe(2);
});

test('an existing job leaves the standby supervisor to the next job', async () => {
  const { here, standby } = await machineWithStandby();
  await using _ = here;
  await here.anotherExecutor().submit(aJob({ main: doing('stay') }));
  await here.until(aJob().name, ({ phase }) => phase === 'running');
  await here.executor.submit(aJob({ main: doing('stay') }));
  await here.executor.submit(aJob({ name: 'next', key: 'b'.repeat(64) }));
  await here.end('next');
  expect(here.supervisorPid('next')).toBe(standby);
});

test('if the standby supervisor was killed, a job starts without it', async () => {
  const { here, standby } = await machineWithStandby();
  await using _ = here;
  process.kill(standby, 'SIGKILL');
  await here.executor.submit(aJob());
  expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded' });
  expect(here.supervisorPid(aJob().name)).not.toBe(standby);
});

test('a killed worker leaves no standby supervisor, and the job that one had taken continues', async () => {
  await using here = new Machine();
  mkdirSync(here.store, { recursive: true });
  const worker = await here.worker(aJob({ main: doing('untilReleased') }), 'stay', { standby: 1 });
  await here.until(aJob().name, ({ phase }) => phase === 'running');
  const supervisor = here.supervisorPid(aJob().name);
  await eventually(() => readdirSync(join(here.home, 'spares')).length === 1, 'the next standby');
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  const unnamed = async () =>
    (await markedProcesses(JOB_HOME, here.home)).filter(
      ({ pid, variable }) => variable('ORRERY_JOB') === null && pid !== supervisor,
    );
  await eventually(async () => (await unnamed()).length === 0, 'no standby left');
  expect(readdirSync(join(here.home, 'spares'))).toEqual([]);
  expect(await processStart(supervisor)).not.toBeNull();
  writeFileSync(join(here.store, 'release'), '');
  expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded' });
});

test('a standby supervisor is no stray, with or without a job; a supervisor without its record is one', async () => {
  const { here, standby } = await machineWithStandby();
  await using _ = here;
  const { findStrays } = localMachine(here.home);
  expect(await findStrays()).toEqual([]);
  await here.executor.submit(aJob({ main: doing('stay') }));
  await here.until(aJob().name, ({ phase }) => phase === 'running');
  expect(existsSync(join(here.home, 'spares', `${idOf(here, aJob().name)}.log`))).toBe(false);
  expect(await findStrays()).toEqual([]);
  rmSync(join(here.home, 'jobs'), { recursive: true });
  expect((await findStrays()).map(({ pid }) => pid)).toContain(standby);
});

test('an executor that is disposed of releases its standby supervisors', async () => {
  const { here } = await machineWithStandby();
  await using _ = here;
  here.executor[Symbol.dispose]();
  await eventually(async () => (await here.alive()).length === 0, 'no process left');
});
