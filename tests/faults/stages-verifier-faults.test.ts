import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FILES, PassRate, partFile } from '../../spec/index.ts';
import { readAllJsonl } from '../../stages/io/jsonl.ts';
import { type FakePolicyServer, startFakePolicyServer } from '../support/fake-policy-server.ts';
import { PYTHON, startStage } from '../support/stage-process.ts';
import { finishedStage, plannedStage } from '../support/stored-stage.ts';
import { aFaultFolder, aTestFolder } from './support/folder.ts';
import { entriesOnDisk } from './support/journals.ts';
import { aWorld, startCountdownPolicy, type World } from './support/world.ts';

let server: FakePolicyServer;
let world: World;
beforeAll(async () => {
  server = await startCountdownPolicy();
  world = await aWorld(aFaultFolder('verifier'), server.url);
});
afterAll(() => server[Symbol.asyncDispose]());

/** Environment in which the stage's interpreter is the unruly verifier. Its file explains `behaviour`. */
function unruly(behaviour: string) {
  const folder = aTestFolder('unruly');
  const [interpreter, starts] = [join(folder, 'python'), join(folder, 'starts')];
  const program = fileURLToPath(new URL('support/unruly-verifier.mjs', import.meta.url));
  writeFileSync(interpreter, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
  const env = { ORRERY_PYTHON: interpreter, UNRULY: behaviour, UNRULY_PYTHON: PYTHON, UNRULY_STARTS: starts };
  return { env, starts: () => readFileSync(starts, 'utf8').length };
}
/** Number of canaries of countdown. The first requests of a new stage are its canaries. */
const CANARIES = readFileSync(new URL('../../domains/countdown/canaries.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n').length;

describe('a stage whose verifier', () => {
  test('dies, hangs, writes invalid lines, repeats answers and reorders them gives the undisturbed result', async () => {
    const calm = await world.calm('evaluate');
    const stage = await world.plan('evaluate', 'unruly', { run: { stallTimeoutSeconds: 14 } });
    const { env, starts } = unruly(`die ${CANARIES + 5},hang 9,babble 7,repeat 8,shuffle`);
    expect(await stage.start({ env }).ended).toMatchObject({ code: 0, stderr: '' });
    expect(starts()).toBe(5);
    expect((await stage.seal(0)).digest).toBe(calm.manifest.digest);
  });

  test('hangs every time ends with 69 and says so; its verdicts are kept', async () => {
    const calm = await world.calm('evaluate');
    const stage = await world.plan('evaluate', 'hanging', { run: { stallTimeoutSeconds: 14 } });
    const { env, starts } = unruly(`hang ${CANARIES + 30},hang 1`);
    expect(await stage.start({ env }).ended).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(
        /^the verifier hangs: no verdict within 2 s, 3 times in a row; last line on stderr: nothing\n$/,
      ),
    });
    expect(starts()).toBe(3);
    const kept = (await entriesOnDisk(stage.dir)).length;
    expect(kept).toBeGreaterThan(0);
    expect(await stage.start({ attempt: 1 }).ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`"entries":${kept},"msg":"resumes from the journal"`),
    });
    expect((await stage.seal(1)).digest).toBe(calm.manifest.digest);
  });

  test('dies repeatedly ends with 69 and the last line of its stderr', async () => {
    const stage = await world.plan('evaluate', 'dying');
    const { env, starts } = unruly(`die ${CANARIES + 9},die 3`);
    expect(await stage.start({ env }).ended).toMatchObject({
      code: 69,
      stderr: 'the verifier died 5 times (exit code 3); last line on stderr: a request too many\n',
    });
    expect(starts()).toBe(5);
  });

  test('hangs before its first verdict does not delay the end of a stage that must stop', async () => {
    const stage = await world.plan('evaluate', 'stopped', { run: { stallTimeoutSeconds: 1800 } });
    const { env } = unruly('hang 1');
    const run = stage.start({ env });
    run.child.stdout?.once('data', () => setTimeout(() => run.child.kill('SIGTERM'), 1000)); // "policy server is ready"
    expect(await run.ended).toMatchObject({ code: 143 }); // without the two minutes in which silence is no hang
  });
});

test('completions that hang or kill their judge are unjudged: counted separately, and never as wrong answers', async () => {
  const store = aTestFolder('unjudged');
  const problems = [
    { id: 'good', problem: '1 + 1 =', reference: '2', source: 'sums' },
    { id: 'bad', problem: '2 + 2 =', reference: '4', source: 'sums' },
  ];
  const data = { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 };
  const prompts = await finishedStage(store, { kind: 'prepare', data }, { [FILES.prepare.curriculum]: problems });
  const config = { samplesPerPrompt: 4, passRate: { min: 0, max: 0.9 } };
  const { path, dir } = await plannedStage(store, { kind: 'curriculum', config, inputs: { prompts } });
  const said = ['Answer: 4', 'for ever', 'falls dead', 'Answer: 5'];
  await using sums = await startFakePolicyServer(({ prompt }, index) =>
    prompt.includes('2 + 2') ? said[index]! : 'Answer: 2',
  );

  expect(await startStage(path, { store, policyUrl: sums.url }).ended).toMatchObject({ code: 0 });
  const [good, bad] = await readAllJsonl([join(dir, 'data', partFile(FILES.curriculum.passRates, 0))], PassRate);
  expect(good).toMatchObject({ samples: 4, right: 4, unjudged: 0, passRate: 1 });
  expect(bad).toMatchObject({ samples: 4, right: 1, unjudged: 2, passRate: 0.5, kept: true });
});
