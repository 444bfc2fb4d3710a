import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { random, seedFor } from '../../stages/runtime/random.ts';
import { claimAfter } from '../../store/index.ts';
import type { FakePolicyServer } from '../support/fake-policy-server.ts';
import type { StagePod, StageProcess } from '../support/stage-process.ts';
import { aFaultFolder } from './support/folder.ts';
import { filesIn, holds, isStopped, until } from './support/stopped.ts';
import { why, withoutStrace } from './support/tools.ts';
import { aWorld, type FaultStage, startCountdownPolicy, type World } from './support/world.ts';

const SEED = Number(process.env.ORRERY_FAULT_SEED ?? 1);

let server: FakePolicyServer;
let world: World;
beforeAll(async () => {
  server = await startCountdownPolicy();
  world = await aWorld(aFaultFolder('zombie'), server.url);
});
afterAll(() => server[Symbol.asyncDispose]());

/** Claims attempt 0 and starts it. */
async function startZombie(stage: FaultStage, pod: Partial<StagePod> = {}): Promise<StageProcess> {
  expect(await claimAfter(stage.dir, null, 'test', 'the zombie')).toBe(0);
  const zombie = stage.start(pod);
  onTestFinished(() => {
    for (const signal of ['SIGCONT', 'SIGKILL'] as const) zombie.child.kill(signal);
  });
  return zombie;
}

/** Claims a later attempt and runs it to its end. */
async function replace(stage: FaultStage) {
  server.beforeAnswer = () => undefined;
  expect(await claimAfter(stage.dir, 0, 'test', 'the later one')).toBe(1);
  expect(await stage.start({ attempt: 1 }).ended).toMatchObject({ code: 0 });
  return await stage.seal(1);
}

/**
 * What an old attempt may still write without harm: lines of its own journal (only whole lines count), temporary files,
 * and the progress report that it was writing when it was stopped (it names its attempt, so it is ignored).
 */
const ofTheZombie = (path: string) =>
  path.startsWith('journal/00000-attempt-0.') || path.startsWith('progress/') || path.endsWith('.tmp');

describe('an attempt that is stopped, replaced and then continued publishes nothing', () => {
  test.each(['search', 'rewrite', 'evaluate'] as const)('of a %s that it had started', async (kind) => {
    const calm = await world.calm(kind);
    const stage = await world.plan(kind, 'zombie');
    const stopAt = server.requests.length + 1 + Math.floor(random(seedFor(SEED, 'zombie', kind))() * 25);
    const zombie = await startZombie(stage);
    server.beforeAnswer = () => {
      if (server.requests.length === stopAt) zombie.child.kill('SIGSTOP');
      return undefined;
    };
    await until(() => isStopped(zombie.child.pid), 'the attempt to be stopped');

    const manifest = await replace(stage);
    const before = filesIn(stage.dir, ofTheZombie);
    zombie.child.kill('SIGCONT');
    expect(await zombie.ended).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(/a later attempt than 0 has begun; this one writes nothing more\n$/),
    });
    expect(filesIn(stage.dir, ofTheZombie)).toEqual(before);
    expect(manifest.digest).toBe(calm.manifest.digest);
  });

  /**
   * The critical moment: the program has passed the fence and is about to rename its output. A tracer delays that
   * system call. Stopping the tracer stops the program exactly there.
   */
  test.skipIf(withoutStrace !== null).each([
    { name: 'its output', folder: 'data', file: 'pass-rates-00000.jsonl' },
    { name: 'its part', folder: 'parts', file: '00000.json' },
  ])(`though the fence has let it pass: $name${why(withoutStrace)}`, async ({ folder, file }) => {
    const stage = await world.plan('curriculum', `held at ${folder}`);
    server.beforeAnswer = () => undefined;
    const trace = join(world.store, `${folder}.trace`);
    const inject = ['-e', 'trace=link,linkat', '-e', 'inject=link,linkat:delay_enter=2s'];
    const zombie = await startZombie(stage, { under: ['strace', '-f', '-o', trace, ...inject] });
    await until(() => holds(trace, `/${folder}/${file}"`), `${file} to be named`);
    zombie.child.kill('SIGSTOP');
    expect(existsSync(join(stage.dir, folder, file)), 'it was held too late').toBe(false);

    await replace(stage);
    const before = filesIn(stage.dir, ofTheZombie);
    zombie.child.kill('SIGCONT');
    expect(await zombie.ended).toMatchObject({ code: 75 });
    expect(filesIn(stage.dir, ofTheZombie)).toEqual(before);
    expect(JSON.parse(await readFile(join(stage.dir, 'parts/00000.json'), 'utf8')).attempt).toBe(1);
  });
});

test('a stage program prints its stack on a signal, and continues', async () => {
  const calm = await world.calm('evaluate');
  const stage = await world.plan('evaluate', 'asked');
  const reports = join(world.store, 'reports');
  await mkdir(reports);
  // The environment that the executor gives it (local/environment.ts).
  const nodeOptions = ['--report-on-signal', '--report-signal=SIGUSR2', `--report-directory=${reports}`];
  const from = server.requests.length;
  const run = stage.start({ nodeOptions: [...nodeOptions, '--inspect-port=127.0.0.1:0'] });
  server.beforeAnswer = () => {
    if (server.requests.length === from + 5) run.child.kill('SIGUSR2');
    if (server.requests.length === from + 10) run.child.kill('SIGUSR1');
    return undefined;
  };
  const end = await run.ended;
  expect(end).toMatchObject({ code: 0, stderr: expect.stringMatching(/Debugger listening on/) });
  const [report = ''] = await readdir(reports);
  expect(JSON.parse(await readFile(join(reports, report), 'utf8'))).toMatchObject({ header: { trigger: 'Signal' } });
  expect((await stage.seal(0)).digest).toBe(calm.manifest.digest);
});
