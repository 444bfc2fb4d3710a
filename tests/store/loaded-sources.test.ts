import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, globSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import getPort from 'get-port';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { PROJECT } from '../../config/paths.ts';
import type { StageFile, StageKind } from '../../spec/index.ts';
import { sourcesOf } from '../../store/code/sources.ts';
import { sourcesOfStage } from '../../store/code-version.ts';
import { versionOf } from '../../store/sources.ts';
import { aFaultFolder } from '../faults/support/folder.ts';
import { writeTinyPolicy } from '../faults/support/real-policy.ts';
import { aWorld, JOURNALLED, startCountdownPolicy } from '../faults/support/world.ts';
import { PYTHON, startStage } from '../support/stage-process.ts';
import { storedCampaign } from '../support/stored-campaign.ts';
import { plannedStage } from '../support/stored-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { loadsIn, tracing } from '../support/trace/loads.ts';

/**
 * Programs run here for real and note which files they load: the files that a key counts are these. Trainers are in
 * `trainers/tests/training/test_loaded_sources.py`, because torch is loaded there anyway.
 */

const DOMAINS = join(PROJECT, 'domains');

/** Sources that count although the runs here do not load them. */
const PINS = 'trainers/requirements.txt';
/** The version of an installed package. A program may load only some of the packages that its packages depend on. */
const PACKAGE = /^node_modules\/.*\/package\.json$/;
/** The policy here is a small Llama; others are run by torch. */
const TORCH = /^trainers\/orrery_trainers\/models\/(?:prefix_cache|row_cache|torch_sampling|transformers_model)\.py$/;
/** The problems here are generated; of problems in files the verifier judges the answers. */
const VERIFIER = /\/canaries\.jsonl$|^trainers\/orrery_trainers\/(?:verdicts|pod)\//;

type Program = Parameters<typeof sourcesOf>[0];
const hashedBy = (program: Program, kind: string, domain: string): Set<string> =>
  new Set(sourcesOf(program, { kind, domain, domains: DOMAINS, projectRoot: PROJECT }).keys());
/** The limit of a real stage. The short one of the tests of faults gives a verifier three seconds to start. */
const UNHURRIED = { run: { stallTimeoutSeconds: 1800 } };

const MAIN: Program = { runtime: 'node', args: ['stages/main.ts'] };
const python = (module: string): Program => ({ runtime: 'python', args: ['-m', `orrery_trainers.${module}`] });

/** Both ways: what is loaded counts, and what counts is loaded. */
function expectSame(loaded: ReadonlySet<string>, hashed: ReadonlySet<string>, otherwise = /^$/): void {
  expect([...loaded].filter((name) => !hashed.has(name))).toEqual([]);
  const unread = [...hashed].filter(
    (name) => !loaded.has(name) && name !== PINS && !PACKAGE.test(name) && !otherwise.test(name),
  );
  expect(unread).toEqual([]);
}

describe('stages in TypeScript', () => {
  const loads = new Map<StageKind, Set<string>>();
  beforeAll(async () => {
    const [notes, store] = [aFaultFolder('notes'), aFaultFolder('traced')];
    const policy = await startCountdownPolicy();
    for (const [name, value] of Object.entries(tracing(notes))) vi.stubEnv(name, value);
    const world = await aWorld(store, policy.url, 4);
    const prepare = await plannedStage(store, {
      kind: 'prepare',
      domain: { name: 'countdown' },
      data: { type: 'generated', searchProblems: 2, curriculumPrompts: 1, benchmarkProblems: 1 },
    });
    const analyse = await storedCampaign(store);
    const ends = await Promise.all([
      ...JOURNALLED.map(async (kind) => (await world.plan(kind, 'traced', UNHURRIED)).start().ended),
      ...[prepare, analyse].map(({ path }) => startStage(path, { store, env: { ORRERY_DOMAINS: DOMAINS } }).ended),
    ]);
    vi.unstubAllEnvs();
    for (const { code, stderr } of ends) expect([code, stderr]).toEqual([0, '']);
    for (const [stageFile, names] of loadsIn(notes)) {
      if (stageFile === '') continue;
      const { kind } = JSON.parse(readFileSync(stageFile, 'utf8')) as StageFile;
      loads.set(kind, new Set([...(loads.get(kind) ?? []), ...names]));
    }
  }, 120_000);

  test.each([...JOURNALLED, 'prepare', 'analyse'] as const)('%s loads the sources that its key counts', (kind) => {
    expectSame(loads.get(kind)!, hashedBy(MAIN, kind, 'countdown'), kind === 'prepare' ? VERIFIER : undefined);
  });

  test('one byte of a file that a search loads changes its code version, one of any other file does not', async () => {
    const copy = await temporaryFolder();
    const folders = ['stages', 'spec', 'store', 'inputs', 'domains', 'report', 'executor', 'trainers'];
    for (const folder of folders) {
      const filter = (path: string) => !path.includes('__pycache__');
      cpSync(join(PROJECT, folder), join(copy, folder), { recursive: true, filter });
    }
    symlinkSync(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
    const loading = { kind: 'search', domain: 'countdown', projectRoot: copy };
    const version = () => versionOf(sourcesOfStage({ main: MAIN, policyServer: null }, loading));
    const before = version();
    const changing: string[] = [];
    for (const name of folders.flatMap((folder) => globSync(`${folder}/**/*.*`, { cwd: copy }))) {
      const content = readFileSync(join(copy, name));
      appendFileSync(join(copy, name), '\n');
      if (version() !== before) changing.push(name);
      writeFileSync(join(copy, name), content);
    }
    expect(version()).toBe(before);
    const sources = [...loads.get('search')!].filter((name) => !PACKAGE.test(name));
    expect(changing.toSorted()).toEqual([...sources, PINS].toSorted());
  }, 60_000);
});

test('the policy server loads the sources that keys count', async () => {
  const [notes, folder] = [await temporaryFolder(), await temporaryFolder()];
  const model = writeTinyPolicy(join(folder, 'policy'));
  const port = await getPort();
  const program = python('serving.policy_server');
  const server = spawn(PYTHON, [...program.args, '--model', model, '--port', String(port)], {
    env: { ...process.env, ...tracing(notes) },
    stdio: 'ignore',
  });
  try {
    const isUp = () =>
      fetch(`http://127.0.0.1:${port}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (server.exitCode === null && !(await isUp())) await sleep(50);
    const body = JSON.stringify({ model: 'policy', prompt: '1 2', max_tokens: 2 });
    const headers = { 'content-type': 'application/json' };
    await (await fetch(`http://127.0.0.1:${port}/v1/completions`, { method: 'POST', headers, body })).text();
  } finally {
    server.kill();
    await once(server, 'exit');
  }
  expectSame(loadsIn(notes).get('')!, hashedBy(program, 'search', 'math'), TORCH);
});

test.each([
  ['change', { problem: 'Use 1 2 to make 3 :', reference: '3', completion: ' 3' }],
  ['countdown', { problem: 'Use 1 2 to make 3 :', reference: '3', completion: ' 1 + 2 = 3' }],
  ['math', { problem: '1 + 1?', reference: '2', completion: 'It is \\boxed{2}.' }],
])('the verifier of %s loads the sources that keys count', async (domain, answer) => {
  const notes = await temporaryFolder();
  const program = python('verdicts.verifier');
  const verifier = spawn(PYTHON, [...program.args, '--domain', domain], {
    env: { ...process.env, ...tracing(notes), ORRERY_DOMAINS: DOMAINS },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  verifier.stdin.write(`${JSON.stringify({ id: 1, ...answer })}\n`);
  await once(verifier.stdout, 'data');
  verifier.stdin.end();
  await once(verifier, 'exit');
  expectSame(loadsIn(notes).get('')!, hashedBy(program, 'evaluate', domain));
});
