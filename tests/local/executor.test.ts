import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test as it, vi } from 'vitest';
import { localOutcome } from '../../local/index.ts';
import { aJob, doing, eventually, Machine, policyServer } from './support.ts';

// Real processes on a possibly busy machine: support.ts limits each wait to 15 s.
vi.setConfig({ testTimeout: 30_000 });
const test = it.concurrent;

const machine = (...options: ConstructorParameters<typeof Machine>): Machine => {
  const made = new Machine(...options);
  mkdirSync(made.store, { recursive: true });
  return made;
};

describe('running', () => {
  test('a job runs to its end, and each change is reported', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('untilReleased') }));
    const seen = await here.until(aJob().name, ({ phase }) => {
      if (phase === 'running') writeFileSync(join(here.store, 'release'), '');
      return false;
    });
    expect(seen.map(({ phase }) => phase)).toEqual(expect.arrayContaining(['running', 'succeeded']));
    expect(seen.at(-1)).toMatchObject({ phase: 'succeeded', pods: [{ phase: 'succeeded', exitCode: 0 }] });
    await eventually(async () => (await here.alive()).length === 0, 'no process left');
  });

  test('a pod finds the contract in its environment', async () => {
    await using here = machine();
    const request = aJob({ main: doing('environment'), attempt: 3, resources: { cpus: 2.5, gpus: 0 } });
    await here.executor.submit({ ...request, env: { ORRERY_MICRO_BATCH_SCALE: '0.5' } });
    await here.end(request.name);
    expect(JSON.parse(readFileSync(join(here.store, 'environment-0.json'), 'utf8'))).toMatchObject({
      ORRERY_STAGE_FILE: join(here.store, 'stages', request.key, 'stage.json'),
      ORRERY_STORE: here.store,
      ORRERY_ATTEMPT: '3',
      ORRERY_PYTHON: process.execPath,
      ORRERY_MICRO_BATCH_SCALE: '0.5',
      ORRERY_JOB: request.name,
      JOB_COMPLETION_INDEX: '0',
      OMP_NUM_THREADS: '2',
    });
  });

  test('ranks of a gang find each other', async () => {
    await using here = machine();
    const request = aJob({ main: doing('environment'), parts: 2, parallelism: 2, gang: true });
    await here.executor.submit(request);
    await here.end(request.name);
    const [first, second] = [0, 1].map((rank) =>
      JSON.parse(readFileSync(join(here.store, `environment-${rank}.json`), 'utf8')),
    );
    expect(first).toMatchObject({ RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1' });
    expect(second).toMatchObject({ RANK: '1', LOCAL_RANK: '1', MASTER_PORT: first.MASTER_PORT });
  });

  test('no more shards run at a time than allowed, and all run', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('brief', '150'), parts: 4, parallelism: 2 }));
    expect(await here.end(aJob().name)).toMatchObject({ phase: 'succeeded' });
    let running = 0;
    const runningAtOnce = here.notes().map((line) => (running += line.startsWith('begin') ? 1 : -1));
    expect(here.notes()).toHaveLength(8);
    expect(Math.max(...runningAtOnce)).toBe(2);
  });

  test('a failed shard lets the others finish, and then fails the job', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('exit', '65', 'bad field'), parts: 2, parallelism: 1 }));
    const end = await here.end(aJob().name);
    expect(end.pods.map(({ phase }) => phase)).toEqual(['failed', 'failed']);
    expect(localOutcome(end, 0)).toMatchObject({ failure: { class: 'InvalidInput', message: 'bad field', part: 0 } });
  });

  test('a failed rank ends the gang, and is named as the cause', async () => {
    await using here = machine();
    const gang = { parts: 3, parallelism: 3, gang: true };
    await here.executor.submit(aJob({ main: doing('failFirst', '70'), ...gang }));
    const end = await here.end(aJob().name);
    expect(end.pods.map(({ phase }) => phase)).toEqual(['failed', 'failed', 'failed']);
    expect(localOutcome(end, 2)).toMatchObject({ failure: { class: 'Diverged', part: 0, attempt: 2 } });
  });

  test('a missing interpreter is an image error', async () => {
    await using here = machine({ python: '/nowhere/python' });
    await here.executor.submit(aJob({ main: { runtime: 'python', args: ['-m', 'x'] } }));
    const outcome = localOutcome(await here.end(aJob().name), 0);
    expect(outcome).toMatchObject({
      failure: { class: 'ImageError', message: expect.stringContaining('/nowhere/python') },
    });
  });

  test('the logs of the failed pod are shown, and its last message is that of the failure', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('throw') }));
    const end = await here.end(aJob().name);
    expect(end.pods[0]?.message).toBe('TypeError: a thing is not a thing');
    const logs = await here.executor.logs(aJob().name, { maxLines: 100, maxBytes: 10_000 });
    expect(logs).toMatch(/^== part 0, main\n/);
    expect(logs).toContain('at Object.throw');
  });

  test('a pod whose log cannot be written because the store is missing fails as DependencyDown', async () => {
    await using here = machine();
    writeFileSync(join(here.store, 'notes.txt'), '');
    await here.executor.submit({ ...aJob(), key: '../notes.txt' }); // below a file there is no folder
    const outcome = localOutcome(await here.end(aJob().name), 0);
    expect(outcome).toMatchObject({
      failure: { class: 'DependencyDown', message: expect.stringContaining('could not be started: ENOTDIR') },
    });
  });

  test('every job with a record is listed with its owner and its state', async () => {
    await using here = machine();
    expect(await here.executor.list()).toEqual([]);
    await here.executor.submit(aJob({ name: 'ended', ownerRun: 'run-7' }));
    await here.executor.submit(aJob({ name: 'at-work', main: doing('stay') }));
    await here.executor.submit(aJob({ name: 'forgotten', main: doing('stay') }));
    await Promise.all([here.end('ended'), here.executor.stop('forgotten'), here.untilNoted('begin 0')]);
    mkdirSync(join(here.home, 'jobs', 'damaged'));
    writeFileSync(join(here.home, 'jobs', 'damaged', 'job.json'), '{');
    const jobs = (await here.executor.list()).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(jobs).toMatchObject([
      { name: 'at-work', campaign: 'demo', stage: 'search', attempt: 0, phase: 'running' },
      { name: 'ended', ownerRun: 'run-7', phase: 'succeeded', submittedAt: expect.stringMatching(/Z$/) },
    ]);
  });

  test('an unknown job is null', async () => {
    await using here = machine();
    expect(await here.executor.observe('never')).toBeNull();
    expect(await here.until('never')).toEqual([]);
  });
});

describe('durability', () => {
  test('a worker that is killed leaves its job running, and another adopts it', async () => {
    await using here = machine();
    const request = aJob({ main: doing('brief', '600') });
    const worker = await here.worker(request, 'stay');
    await here.untilNoted('begin 0');
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    const later = here.anotherExecutor();
    await later.submit(request);
    expect(await here.end(request.name)).toMatchObject({ phase: 'succeeded' });
    expect(here.notes()).toEqual(['begin 0', 'end 0']);
  });

  test('a job that two workers submit at the same time runs once', async () => {
    await using here = machine();
    const request = aJob({ main: doing('brief', '200') });
    await Promise.all([here.worker(request, 'end'), here.worker(request, 'end'), here.executor.submit(request)]);
    expect(await here.end(request.name)).toMatchObject({ phase: 'succeeded' });
    expect(here.notes()).toEqual(['begin 0', 'end 0']);
    await eventually(async () => (await here.alive()).length === 0, 'no supervisor left');
    expect(here.notes()).toEqual(['begin 0', 'end 0']);
  });

  test('a killed supervisor fails the job, and no process of the job is left', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('spawner') }));
    await here.untilNoted('begin 0');
    expect(await here.alive()).toHaveLength(3);
    process.kill(here.supervisorPid(aJob().name), 'SIGKILL');
    const end = await here.end(aJob().name);
    expect(await here.alive()).toEqual([]);
    expect(localOutcome(end, 0)).toMatchObject({
      failure: { class: 'Crashed', message: expect.stringContaining('supervisor'), part: 0 },
    });
    await here.executor.submit(aJob({ main: doing('spawner') }));
    expect(await here.executor.observe(aJob().name)).toEqual(end);
  });
});

describe('stopping', () => {
  const name = aJob().name;

  test('a program has time to save on SIGTERM, and the job is stopped', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('save'), parts: 2, parallelism: 2 }));
    await Promise.all([here.untilNoted('begin 0'), here.untilNoted('begin 1')]);
    await here.executor.suspend(name);
    expect(await here.alive()).toEqual([]);
    expect(here.notes()).toEqual(expect.arrayContaining(['saved 0', 'saved 1']));
    const end = await here.executor.observe(name);
    expect(end).toMatchObject({ phase: 'stopped', pods: [{ exitCode: 143 }, { exitCode: 143 }] });
    expect(localOutcome(end!, 0)).toEqual({ kind: 'stopped' });
  });

  test('a program that does not end is killed after its grace', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('stubborn'), graceSeconds: 0.3 }));
    await here.untilNoted('begin 0');
    await here.executor.suspend(name);
    expect(here.notes()).toContain('ignored SIGTERM');
    expect(await here.alive()).toEqual([]);
    expect(await here.executor.observe(name)).toMatchObject({ phase: 'stopped', pods: [{ signal: 'SIGKILL' }] });
  });

  test('a job stopped right after its submission never runs', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('stay') }));
    await here.executor.suspend(name);
    expect(await here.alive()).toEqual([]);
    expect(await here.executor.observe(name)).toMatchObject({ phase: 'stopped' });
    await here.executor.submit(aJob({ main: doing('stay') }));
    expect(await here.executor.observe(name)).toMatchObject({ phase: 'stopped' });
    expect(here.notes()).toEqual([]);
  });

  test('a stop before the submission is effective', async () => {
    await using here = machine();
    await here.executor.stop(name);
    await here.executor.submit(aJob({ main: doing('stay') }));
    expect(await here.end(name)).toMatchObject({ phase: 'stopped', pods: [{ phase: 'pending' }] });
    expect(here.notes()).toEqual([]);
  });

  test('a job is stopped while its policy server starts', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('stay'), policyServer: policyServer('deaf') }));
    await here.untilNoted('deaf');
    await here.executor.stop(name);
    expect(await here.alive()).toEqual([]);
    expect(await here.executor.observe(name)).toBeNull();
    expect(here.notes()).not.toContain('begin 0');
  });

  test('a job whose supervisor was killed can still be stopped', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('spawner') }));
    await here.untilNoted('begin 0');
    process.kill(here.supervisorPid(name), 'SIGKILL');
    await Promise.all([here.executor.suspend(name), here.anotherExecutor().suspend(name)]);
    expect(await here.alive()).toEqual([]);
    expect(await here.executor.observe(name)).toMatchObject({ phase: 'stopped' });
  });

  test('an ended job keeps its state, and a stop removes its record', async () => {
    await using here = machine();
    await here.executor.submit(aJob());
    await here.end(name);
    await here.executor.suspend(name);
    expect(await here.executor.observe(name)).toMatchObject({ phase: 'succeeded' });
    await here.executor.stop(name);
    await here.executor.stop(name);
    expect(await here.executor.observe(name)).toBeNull();
  });
});

describe('policy server', () => {
  const name = aJob().name;

  test('is ready before the main program starts, and ends after it', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('askPolicy'), policyServer: policyServer('ready') }));
    expect(await here.end(name)).toMatchObject({ phase: 'succeeded' });
    expect(here.notes()).toEqual([
      'policy server ready',
      expect.stringMatching(/^policy says pid \d+$/),
      'policy server ended',
    ]);
    await eventually(async () => (await here.alive()).length === 0, 'no process left');
  });

  test('runs once per shard', async () => {
    await using here = machine();
    const shards = { parts: 3, parallelism: 3 };
    await here.executor.submit(aJob({ main: doing('askPolicy'), policyServer: policyServer('ready'), ...shards }));
    expect(await here.end(name)).toMatchObject({ phase: 'succeeded' });
    expect(new Set(here.notes().filter((line) => line.startsWith('policy says'))).size).toBe(3);
  });

  test('ends the main program when it dies, which fails as DependencyDown', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('killPolicy', '1'), policyServer: policyServer('ready') }));
    const end = await here.end(name);
    expect(here.notes()).toContain('saved 0');
    expect(localOutcome(end, 0)).toMatchObject({ failure: { class: 'DependencyDown', exitCode: 1 } });
  });

  test.for([
    { code: '65', becomes: 'InvalidInput' },
    { code: '71', becomes: 'OutOfMemory' },
    { code: '1', becomes: 'DependencyDown' },
  ])('its exit code $code before it is ready is $becomes', async ({ code, becomes }) => {
    await using here = machine();
    await here.executor.submit(aJob({ main: doing('stay'), policyServer: policyServer('exit', code) }));
    const outcome = localOutcome(await here.end(name), 0);
    expect(outcome).toMatchObject({
      failure: { class: becomes, message: expect.stringContaining('the weights are not there') },
    });
    expect(here.notes()).toEqual([]);
  });

  test('that is not ready in time fails as DependencyDown', async () => {
    await using here = machine({ policyStartSeconds: 0.5 });
    await here.executor.submit(aJob({ main: doing('stay'), policyServer: policyServer('deaf') }));
    const outcome = localOutcome(await here.end(name), 0);
    expect(outcome).toMatchObject({ failure: { class: 'DependencyDown', message: expect.stringContaining('0.5 s') } });
  });
});
