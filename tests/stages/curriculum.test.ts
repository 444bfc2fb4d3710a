import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FILES, ManifestRef, PassRate, type Problem, partFile } from '../../spec/index.ts';
import { decide, passRateOf, shareOfTarget, type Tally } from '../../stages/curriculum/window.ts';
import { readAllJsonl } from '../../stages/io/jsonl.ts';
import { type FakePolicyServer, type Reply, startFakePolicyServer } from '../support/fake-policy-server.ts';
import { startStage } from '../support/stage-process.ts';
import { finishedStage, plannedStage } from '../support/stored-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const aTally = (id: string, right: number, unjudged = 0): Tally => ({ id, samples: 8, right, unjudged });
const WINDOW = { min: 0.25, max: 0.75 };
const byId = (id: string) => id.charCodeAt(0);

describe('the window', () => {
  test.each([
    { name: 'keeps a prompt at its lower end', right: 2, reason: 'kept' },
    { name: 'keeps a prompt at its upper end', right: 6, reason: 'kept' },
    { name: 'drops a prompt below it', right: 1, reason: 'too-hard' },
    { name: 'drops a prompt above it', right: 7, reason: 'too-easy' },
  ])('$name', ({ right, reason }) => {
    expect(decide([aTally('a', right)], WINDOW, 10, byId)).toEqual([
      { passRate: right / 8, kept: reason === 'kept', reason },
    ]);
  });

  test('keeps the prompts nearest its middle when there are more than wanted', () => {
    const tallies = [aTally('a', 2), aTally('b', 4), aTally('c', 6), aTally('d', 5)];
    expect(decide(tallies, WINDOW, 2, byId).map(({ reason }) => reason)).toEqual([
      ...['over-target', 'kept', 'over-target', 'kept'],
    ]);
  });

  test('orders equal distances by the prompt, whatever the order of the prompts', () => {
    const [a, b] = [aTally('a', 3), aTally('b', 5)];
    const kept = (tallies: Tally[]) => tallies.filter((_, index) => decide(tallies, WINDOW, 1, byId)[index]?.kept);
    expect(kept([a, b])).toEqual([a]);
    expect(kept([b, a])).toEqual([a]);
  });

  test('does not count an unjudged completion as wrong', () => {
    expect(passRateOf(aTally('a', 3, 4))).toBe(0.75);
  });

  test('drops a prompt without a judged sample as too hard, even when it keeps a pass rate of 0', () => {
    expect(decide([aTally('a', 0, 8)], { min: 0, max: 1 }, 1, byId)[0]).toMatchObject({ reason: 'too-hard' });
  });

  test('divides the target among the shards so that the shares add up to it', () => {
    const shares = [0, 1, 2].map((part) => shareOfTarget(8, part, 3));
    expect(shares).toEqual([3, 3, 2]);
  });
});

const PROBLEMS: Problem[] = Array.from({ length: 24 }, (_, index) => {
  const [a, b] = [index + 1, (index * 7) % 11];
  return { id: `sum-${index}`, problem: `${a} + ${b} =`, reference: String(a + b), source: 'sums' };
});

/** Right as often as the first number of the sum says: never for 1, nearly always for 24. */
const reply: Reply = ({ prompt }, _index, chance) => {
  const [a = 0, b = 0] = (prompt.match(/\d+/g) ?? []).map(Number);
  return ` Answer: ${chance < (a - 1) / 24 ? a + b : a + b + 1}`;
};

const CONFIG = { samplesPerPrompt: 8, targetPrompts: 6, problemsInFlight: 2 };

async function aCurriculum(shards = 1) {
  const store = await temporaryFolder();
  const prompts = await finishedStage(
    store,
    { kind: 'prepare', data: { type: 'generated', searchProblems: 1, curriculumPrompts: 24, benchmarkProblems: 1 } },
    { [FILES.prepare.curriculum]: PROBLEMS },
  );
  ManifestRef.parse(prompts);
  const config = { ...CONFIG, run: { shards } };
  const plan = (tag: string) => plannedStage(store, { kind: 'curriculum', config, inputs: { prompts } }, tag);
  return { store, plan };
}

const outputOf = (dir: string, part = 0) => join(dir, 'data', partFile(FILES.curriculum.passRates, part));

/** Kills the running process with SIGKILL as soon as the server was asked `after` more times. */
function killAfter(server: FakePolicyServer, after: number, kill: () => void): void {
  const until = server.requests.length + after;
  server.beforeAnswer = async () => {
    if (server.requests.length >= until) kill();
    return undefined;
  };
}

describe('the program', () => {
  test('samples every candidate, keeps at most the target, and records the reasons', async () => {
    await using server = await startFakePolicyServer(reply);
    const { store, plan } = await aCurriculum();
    const { path, dir } = await plan('once');
    const end = await startStage(path, { store, policyUrl: server.url }).ended;
    expect(end).toMatchObject({ code: 0, stderr: '' });
    const passRates = await readAllJsonl([outputOf(dir)], PassRate);
    expect(passRates.map(({ problem }) => problem.id)).toEqual(PROBLEMS.map(({ id }) => id));
    expect(passRates[0]).toMatchObject({ prompt: 'Solve: 1 + 0 =', samples: 8, right: 0, reason: 'too-hard' });
    expect(passRates.filter(({ kept }) => kept)).toHaveLength(6);
    expect(new Set(passRates.map(({ reason }) => reason))).toContain('over-target');
    const part = JSON.parse(await readFile(join(dir, 'parts/00000.json'), 'utf8'));
    expect(part.counts).toMatchObject({ candidates: 24, kept: 6, completions: 192, unjudged: 0 });
  });

  test('after repeated SIGKILLs, it ends with the bytes of an undisturbed run', {
    timeout: 120_000,
  }, async () => {
    await using server = await startFakePolicyServer(reply);
    const { store, plan } = await aCurriculum();
    const [calm, troubled] = [await plan('calm'), await plan('troubled')];
    expect(await startStage(calm.path, { store, policyUrl: server.url }).ended).toMatchObject({ code: 0 });

    const asked = server.requests.length;
    for (const attempt of [0, 1, 2]) {
      const run = startStage(troubled.path, { store, attempt, policyUrl: server.url });
      killAfter(server, 6, () => run.child.kill('SIGKILL'));
      expect(await run.ended).toMatchObject({ signal: 'SIGKILL' });
    }
    server.beforeAnswer = async () => undefined;
    const last = await startStage(troubled.path, { store, attempt: 3, policyUrl: server.url }).ended;
    expect(last).toMatchObject({ code: 0 });
    expect(last.stdout).toContain('resumes from the journal');
    expect(await readFile(outputOf(troubled.dir))).toEqual(await readFile(outputOf(calm.dir)));
    expect(server.requests.length - asked).toBeLessThan(PROBLEMS.length * 2);
  });

  test('its shards sample every candidate once, with the seeds of an undivided run', async () => {
    await using server = await startFakePolicyServer(reply);
    const [whole, divided] = [await aCurriculum(1), await aCurriculum(2)];
    const one = await whole.plan('');
    const two = await divided.plan('');
    const ends = await Promise.all([
      startStage(one.path, { store: whole.store, policyUrl: server.url }).ended,
      ...[0, 1].map((part) => startStage(two.path, { store: divided.store, part, policyUrl: server.url }).ended),
    ]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    const seen = async (paths: string[]) =>
      (await readAllJsonl(paths, PassRate)).map(({ problem, right }) => `${problem.id}: ${right}`).toSorted();
    expect(await seen([outputOf(two.dir, 0), outputOf(two.dir, 1)])).toEqual(await seen([outputOf(one.dir)]));
  });
});
