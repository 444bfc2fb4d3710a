import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';
import { SearchConfig, Tree } from '../../spec/index.ts';
import { journalFile } from '../../stages/io/journal.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';
import { NO_COST } from '../../stages/search/cost.ts';
import { type Answer, type Entry, finishedTree, foldJournal, keyOf } from '../../stages/search/journal-entries.ts';
import { oracleOf } from '../../stages/search/oracle.ts';
import { searchWith } from '../../stages/search/program.ts';
import { INITIAL_TREE } from '../../stages/search/tree.ts';
import type { Verifier } from '../../stages/verifier/verifier.ts';
import { countdownStage } from '../support/countdown-stage.ts';
import { PROBLEMS, toyPolicy, toyVerifier } from '../support/toy-countdown.ts';

const CONFIG = { candidates: 4, rollouts: 2, iterations: 6, problemsInFlight: 2 };
const TREES = 'data/trees-00000.jsonl';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-search-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Given = {
  attempt?: number;
  config?: object;
  delay?: () => Promise<void>;
  signal?: AbortSignal;
  part?: number;
  verifier?: Verifier;
};

async function run(name: string, given: Given = {}) {
  const { attempt, config = {}, delay, signal, part, verifier = toyVerifier() } = given;
  const dir = join(folder, name);
  const merged = { ...CONFIG, ...config };
  const context = await countdownStage('search', { dir, config: merged, records: PROBLEMS, attempt, part, signal });
  const result = await searchWith(context, {
    connectPolicy: async () => toyPolicy(delay),
    startVerifier: async () => verifier,
  });
  return { result, reports: context.reports, trees: readFileSync(join(dir, result.files[0]!), 'utf8') };
}

describe('the search program', () => {
  test('writes one tree for each problem, in the order of the problems, with matching counts', async () => {
    const { result, trees } = await run('plain');
    expect(result.files).toEqual([TREES]);
    const parsed = trees
      .trim()
      .split('\n')
      .map((line) => Tree.parse(JSON.parse(line)));
    expect(parsed.map(({ problem }) => problem.id)).toEqual(PROBLEMS.map(({ id }) => id));
    expect(result.counts).toMatchObject({
      problems: 3,
      nodes: parsed.reduce((sum, { nodes }) => sum + nodes.length, 0),
      iterations: parsed.reduce((sum, { iterations }) => sum + iterations, 0),
      promptTokens: parsed.reduce((sum, { tokens }) => sum + tokens.prompt, 0),
      completionTokens: parsed.reduce((sum, { tokens }) => sum + tokens.completion, 0),
    });
  });

  test('reports iterations up to the total, also when trees are exhausted early', async () => {
    const { reports } = await run('reports', { config: { iterations: 60 } });
    expect(reports[0]).toMatchObject({ unit: 'iteration', done: 0, total: 180 });
    expect(reports.at(-1)).toMatchObject({ unit: 'iteration', done: 180, total: 180 });
    expect(reports.at(-1)!.metrics).toHaveProperty('solved');
    expect(reports.at(-1)!.metrics).toHaveProperty('tokensPerSecond');
  });

  test('counts unjudged rollouts and terminals, and time-outs separately, also after a kill', async () => {
    const given = { unjudged: 0, timedOut: 0 };
    const verifier: Verifier = {
      ...toyVerifier(),
      async verify(problem, completion) {
        const draw = seedFor('verdict', completion) % 4;
        if (draw > 1) return toyVerifier().verify(problem, completion);
        given.unjudged += 1;
        given.timedOut += draw;
        return { verdict: 'unjudged', answer: null, reason: draw === 1 ? 'timeout' : 'memory' };
      },
    };
    const { result, reports } = await run('unjudged', { verifier });
    const { unjudgedRollouts = 0, unjudgedTerminals = 0, timedOut = 0 } = result.counts;
    expect(unjudgedRollouts).toBeGreaterThan(0);
    expect(unjudgedTerminals).toBeGreaterThan(0);
    expect({ unjudged: unjudgedRollouts + unjudgedTerminals, timedOut }).toEqual(given);
    expect(reports.at(-1)!.metrics).toMatchObject(given);
    const again = await run('unjudged', { verifier, attempt: 1 });
    expect(again.result).toEqual(result);
    expect(again.reports[0]!.metrics).toMatchObject({ unjudged: unjudgedRollouts + unjudgedTerminals, timedOut });
  });

  test('finds the same trees whatever the number in flight and the order of answers', async () => {
    const next = random(1);
    const jittered = await run('jittered', { config: { problemsInFlight: 3 }, delay: () => sleep(next() * 3) });
    const alone = await run('alone', { config: { problemsInFlight: 1 } });
    expect(jittered.trees).toBe(alone.trees);
  });

  test.each([
    { name: 'several leaves in flight', config: { leavesInFlight: 3, iterations: 12 } },
    { name: 'reused rollouts', config: { reuseRollouts: true, rollouts: 6, iterations: 12 } },
  ])('killed at any byte with $name, it resumes to the same trees and counts', async ({ config }) => {
    const whole = await run('whole', { config });
    const journal = readFileSync(join(folder, 'whole/journal', journalFile(0, 0)));
    for (let index = 0; index < 12; index += 1) {
      const cut = seedFor('cut', index) % journal.length;
      mkdirSync(join(folder, `cut-${index}`, 'journal'), { recursive: true });
      writeFileSync(join(folder, `cut-${index}`, 'journal', journalFile(0, 0)), journal.subarray(0, cut));
      const next = random(index);
      const resumed = await run(`cut-${index}`, { attempt: 1, config, delay: () => sleep(next() * 2) });
      expect(resumed.trees).toBe(whole.trees);
      expect(resumed.result).toEqual(whole.result);
    }
    if ('reuseRollouts' in config) expect(whole.result.counts.reusedRollouts).toBeGreaterThan(0);
  });

  test('divides the problems among shards', async () => {
    const config = { run: { shards: 2 } };
    const [whole, first, second] = [
      await run('whole'),
      await run('shards', { config, part: 0 }),
      await run('shards', { config, part: 1 }),
    ];
    const [a, b, c] = whole.trees.split('\n');
    expect(first.trees).toBe(`${a}\n${c}\n`);
    expect(second.trees).toBe(`${b}\n`);
    expect(second.result.files).toEqual(['data/trees-00001.jsonl']);
  });

  test('killed at any byte of its journal, it resumes to the same trees and counts', async () => {
    const whole = await run('whole');
    const journal = readFileSync(join(folder, 'whole/journal', journalFile(0, 0)));
    const cuts = new Set([0, 1, journal.length - 1, journal.length]);
    for (let index = 0; index < 24; index += 1) cuts.add(seedFor('cut', index) % journal.length);
    for (const cut of cuts) {
      mkdirSync(join(folder, `cut-${cut}`, 'journal'), { recursive: true });
      writeFileSync(join(folder, `cut-${cut}`, 'journal', journalFile(0, 0)), journal.subarray(0, cut));
      const resumed = await run(`cut-${cut}`, { attempt: cut % 2 }); // the same attempt started again, and the next one
      expect(resumed.trees).toBe(whole.trees);
      expect(resumed.result).toEqual(whole.result);
    }
  });

  test('stopped by a signal, it keeps its journal, and the next attempt resumes from it', async () => {
    const whole = await run('whole');
    const abort = new AbortController();
    let requests = 0;
    const delay = async () => {
      requests += 1;
      if (requests === 30) abort.abort(new Error('stopped'));
    };
    await expect(run('stopped', { delay, signal: abort.signal })).rejects.toThrow('stopped');
    const resumed = await run('stopped', { attempt: 1 });
    expect(resumed.trees).toBe(whole.trees);
    expect(resumed.reports[0]!.done).toBeGreaterThan(0);
    expect(resumed.result).toEqual(whole.result);
  });
});

describe('a budget of a problem', () => {
  const cut = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => Tree.parse(JSON.parse(line)));

  test('in tokens ends its search with the current tree, which records it, and is counted', async () => {
    const whole = await run('whole');
    const tokensPerProblem = 30;
    const { result, trees } = await run('budget', { config: { tokensPerProblem } });
    expect(result.counts).toMatchObject({ problems: 3, endedByTokens: 3, endedByDeadline: 0 });
    for (const { endedBy, iterations, tokens } of cut(trees)) {
      expect(endedBy).toBe('tokens');
      expect(iterations).toBeLessThan(6);
      expect(tokens.completion).toBeGreaterThanOrEqual(tokensPerProblem);
    }
    const begins = cut(whole.trees).map(({ nodes }) => nodes.map(({ step }) => step));
    cut(trees).forEach(({ nodes }, index) => {
      expect(begins[index]!.slice(0, nodes.length)).toEqual(nodes.map(({ step }) => step));
    });
  });

  test('in seconds does the same', async () => {
    const { result, trees } = await run('late', { config: { secondsPerProblem: 0.02 }, delay: () => sleep(8) });
    expect(result.counts).toMatchObject({ problems: 3, endedByDeadline: 3 });
    expect(cut(trees).map(({ endedBy }) => endedBy)).toEqual(['deadline', 'deadline', 'deadline']);
  });
});

describe('the journal of a search', () => {
  const fold = (entries: readonly Entry[]) => {
    const kept = foldJournal();
    for (const [index, entry] of entries.entries()) kept.visit(entry, { path: 'journal', offset: index, bytes: 1 });
    return kept;
  };
  const value = (problem: string, iteration: number, child: number, found: number): Entry => ({
    type: 'value',
    problem,
    iteration,
    child,
    state: 0,
    cost: NO_COST,
    value: found,
    paths: [],
  });
  const tree = (problem: string): Entry =>
    finishedTree({ ...PROBLEMS[0]!, id: problem }, INITIAL_TREE, 0, NO_COST, null);

  test('uses the later of two answers to one question', () => {
    const { answers } = fold([value('p', 0, 0, 0.25), value('p', 0, 1, 0.5), value('p', 0, 0, 0.75)]);
    expect([...answers.get('p')!.values()]).toMatchObject([{ value: 0.75 }, { value: 0.5 }]);
  });

  test('forgets the answers before a finished tree, and those that come after it', () => {
    const { answers, done } = fold([value('p', 0, 0, 0.25), tree('p'), value('p', 1, 0, 0.5), value('q', 0, 0, 1)]);
    expect([...answers.keys()]).toEqual(['q']);
    expect(done.get('p')?.place.offset).toBe(1);
  });

  test('gives an answer only for the state that it belongs to', async () => {
    const asked: string[] = [];
    const policy = toyPolicy(async ({ prompt }) => void asked.push(prompt));
    const config = SearchConfig.parse({ candidates: 2, rollouts: 2 });
    const world = {
      problem: PROBLEMS[0]!,
      domain: await loadDomain('countdown'),
      policy,
      verifier: toyVerifier(),
      config,
      seed: 1,
    };
    const answers: Answer[] = [];
    await oracleOf(world, new Map(), (answer) => void answers.push(answer)).valueOf(['3 * 7 = 21 .'], 4, 1, []);
    const kept = new Map(answers.map((answer) => [keyOf(answer), answer]));
    const again = oracleOf(world, kept);
    expect(await again.valueOf(['3 * 7 = 21 .'], 4, 1, [])).toMatchObject({
      value: (answers[0] as { value: number }).value,
    });
    expect(asked).toHaveLength(1);
    expect(again.costOf(4)).toEqual(answers[0]!.cost);
    await again.valueOf(['3 + 7 = 10 .'], 4, 1, []);
    expect(asked).toHaveLength(2);
  });
});
