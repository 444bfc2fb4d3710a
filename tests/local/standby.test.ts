import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test as it, vi } from 'vitest';
import { localMachine } from '../../local/index.ts';
import { JOB_HOME, JOB_ID, jobFolder, jobPath } from '../../local/job-folder.ts';
import { markedProcesses, processStart } from '../../local/processes.ts';
import { aJob, doing, eventually, Machine } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });
const test = it.concurrent;

/** A machine whose executor has a spare waiting, and the pid of that. */
async function machineWithSpare(): Promise<{ here: Machine; spare: number }> {
  const here = new Machine({ standby: 1 });
  mkdirSync(here.store, { recursive: true });
  return { here, spare: await spareOf(here) };
}

async function spareOf(here: Machine, but?: number): Promise<number> {
  const other = async () => (await here.alive()).find((pid) => pid !== but);
  await eventually(async () => (await other()) !== undefined, 'a spare');
  return (await other()) ?? 0;
}

const idOf = (here: Machine, job: string): string =>
  (JSON.parse(readFileSync(jobPath(jobFolder(here.home, job)), 'utf8')) as { id: string }).id;

test('a job is taken up by the spare, which had its id from birth, and the next is started', async () => {
  const { here, spare } = await machineWithSpare();
  await using _ = here;
  await here.executor.submit(aJob({ main: doing('brief', '1500') }));
  await here.until(aJob().name, ({ phase }) => phase === 'running');
  expect(here.supervisorPid(aJob().name)).toBe(spare);
  const ofJob = await markedProcesses(JOB_ID, idOf(here, aJob().name));
  expect(ofJob.map(({ pid }) => pid)).toContain(spare);
  expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded' });
  expect(await spareOf(here, spare)).not.toBe(spare);
});

test('two jobs at once have an id and a supervisor each', async () => {
  const { here } = await machineWithSpare();
  await using _ = here;
  const names = ['one', 'other'];
  await Promise.all(names.map((name, index) => here.executor.submit(aJob({ name, key: `${index}`.repeat(64) }))));
  for (const name of names) expect(await here.end(name)).toMatchObject({ phase: 'succeeded' });
  expect(new Set(names.map((name) => idOf(here, name))).size).toBe(2);
  expect(new Set(names.map((name) => here.supervisorPid(name))).size).toBe(2);
});

test('a job that stands already leaves the spare to the next', async () => {
  const { here, spare } = await machineWithSpare();
  await using _ = here;
  await here.anotherExecutor().submit(aJob({ main: doing('stay') }));
  await here.until(aJob().name, ({ phase }) => phase === 'running');
  await here.executor.submit(aJob({ main: doing('stay') }));
  await here.executor.submit(aJob({ name: 'next', key: 'b'.repeat(64) }));
  await here.end('next');
  expect(here.supervisorPid('next')).toBe(spare);
});

test('where the spare was killed, a job starts without', async () => {
  const { here, spare } = await machineWithSpare();
  await using _ = here;
  process.kill(spare, 'SIGKILL');
  await here.executor.submit(aJob());
  expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded' });
  expect(here.supervisorPid(aJob().name)).not.toBe(spare);
});

test('a worker that is killed leaves no spare, and the job that one had taken runs on', async () => {
  await using here = new Machine();
  mkdirSync(here.store, { recursive: true });
  const worker = await here.worker(aJob({ main: doing('brief', '3000') }), 'stay', { standby: 1 });
  await here.until(aJob().name, ({ phase }) => phase === 'running');
  const supervisor = here.supervisorPid(aJob().name);
  await eventually(() => readdirSync(join(here.home, 'spares')).length === 1, 'the next spare');
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  const unnamed = async () =>
    (await markedProcesses(JOB_HOME, here.home)).filter(
      ({ pid, variable }) => variable('ORRERY_JOB') === null && pid !== supervisor,
    );
  await eventually(async () => (await unnamed()).length === 0, 'no spare left');
  expect(readdirSync(join(here.home, 'spares'))).toEqual([]);
  expect(await processStart(supervisor)).not.toBeNull();
  expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded' });
});

test('a spare is no stray, nor is a supervisor that was one; without its record it is', async () => {
  const { here, spare } = await machineWithSpare();
  await using _ = here;
  const { findStrays } = localMachine(here.home);
  expect(await findStrays()).toEqual([]);
  await here.executor.submit(aJob({ main: doing('stay') }));
  await here.until(aJob().name, ({ phase }) => phase === 'running');
  expect(existsSync(join(here.home, 'spares', `${idOf(here, aJob().name)}.log`))).toBe(false);
  expect(await findStrays()).toEqual([]);
  rmSync(join(here.home, 'jobs'), { recursive: true });
  expect((await findStrays()).map(({ pid }) => pid)).toContain(spare);
});

test('an executor that is disposed of releases its standby supervisors', async () => {
  const { here } = await machineWithSpare();
  await using _ = here;
  here.executor[Symbol.dispose]();
  await eventually(async () => (await here.alive()).length === 0, 'no process left');
});
