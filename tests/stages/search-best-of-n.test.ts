import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';
import { Trace, Tree, type TreeNode } from '../../spec/index.ts';
import { journalFile } from '../../stages/io/journal.ts';
import { lineariseWith } from '../../stages/linearise/program.ts';
import type { PolicyDriver } from '../../stages/policy/policy.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';
import { type Solution, treeOfSolutions } from '../../stages/search/best-of-n.ts';
import { searchWith } from '../../stages/search/program.ts';
import { sampleSolutions } from '../../stages/search/solutions.ts';
import { pathTo } from '../../stages/search/tree.ts';
import { countdownStage } from '../support/countdown-stage.ts';
import { PROBLEM, PROBLEMS, toyPolicy, toyVerifier } from '../support/toy-countdown.ts';

const solution = (steps: string, reward: number, answer: string | null = `${reward}`): Solution => ({
  steps: steps.split(' '),
  end: { reward, answer },
});
const stepsTo = (nodes: readonly TreeNode[], id: number) => pathTo({ nodes }, id).map(({ step }) => step);

describe('the tree of solutions', () => {
  test('merges equal first steps, and counts the solutions through them', () => {
    const nodes = treeOfSolutions([
      solution('a b x', 1),
      solution('a c y', 0),
      solution('d z', 0),
      solution('a b x', 1),
    ]);
    expect(nodes.map(({ parent, step, visits, q, prior }) => [parent, step, visits, q, prior])).toEqual([
      [null, '', 4, 0.5, 1],
      [0, 'a', 3, 2 / 3, 3 / 4],
      [1, 'b', 2, 1, 2 / 3],
      [2, 'x', 2, 1, 1],
      [1, 'c', 1, 0, 1 / 3],
      [4, 'y', 1, 0, 1],
      [0, 'd', 1, 0, 1 / 4],
      [6, 'z', 1, 0, 1],
    ]);
    expect(nodes.filter(({ terminal }) => terminal).map(({ id }) => id)).toEqual([3, 5, 7]);
  });

  test('keeps the end of one solution apart from the same step inside another, and from an unjudged one', () => {
    const nodes = treeOfSolutions([solution('a b', 0, null), solution('a b c', 1), solution('a b', 1, '7')]);
    expect(nodes.filter(({ step }) => step === 'b').map(({ terminal, answer }) => [terminal, answer])).toEqual([
      [true, null],
      [false, null],
      [true, '7'],
    ]);
  });

  test('is only the problem without solutions', () => {
    expect(treeOfSolutions([])).toMatchObject([{ id: 0, parent: null, visits: 0, q: 0, terminal: false }]);
  });

  test('contains every solution whole, and adds up, whatever the solutions are', () => {
    const anySolution = fc.record({
      steps: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }),
      end: fc.constantFrom({ reward: 1, answer: 'r' }, { reward: 0, answer: 'w' }, { reward: 0, answer: null }),
    });
    fc.assert(
      fc.property(fc.array(anySolution, { maxLength: 20 }), (solutions) => {
        const nodes = treeOfSolutions(solutions);
        for (const node of nodes) {
          const steps = stepsTo(nodes, node.id);
          const children = nodes.filter(({ parent }) => parent === node.id);
          // Computed from the solutions alone, without a tree.
          const through = solutions.filter(
            (one) =>
              steps.every((step, index) => one.steps[index] === step) &&
              (node.terminal
                ? one.steps.length === steps.length && one.end.answer === node.answer
                : one.steps.length > steps.length),
          );
          expect(node.visits).toBe(through.length);
          const right = through.filter(({ end }) => end.reward === 1).length;
          expect(node.q).toBeCloseTo(through.length === 0 ? 0 : right / through.length, 12);
          if (node.terminal) expect(children).toEqual([]);
          else expect(children.reduce((sum, { visits }) => sum + visits, 0)).toBe(node.visits);
          if (children.length > 0) expect(children.reduce((sum, { prior }) => sum + prior, 0)).toBeCloseTo(1, 12);
          if (node.parent !== null) expect(node.parent).toBeLessThan(node.id);
        }
        const terminals = nodes.filter(({ terminal }) => terminal);
        expect(terminals.reduce((sum, { visits }) => sum + visits, 0)).toBe(solutions.length);
      }),
      { numRuns: 200 },
    );
  });
});

test('a solution that is cut or too deep is closed, an empty one dropped, an unjudged one gets no answer', async () => {
  const texts = [
    { text: '3 * 7 = 21 . 21 + 5 = 26 . Final answer: 3 * 7 + 5 = 26', finishReason: 'stop' },
    { text: '3 * 7 = 21 . 21 + ', finishReason: 'length' },
    { text: '1 . 2 . 3 . 4 . Final answer: 3 * 7 + 5 = 26', finishReason: 'stop' },
    { text: ' ', finishReason: 'stop' },
    { text: '3 + 7 = 10 . Final answer: odd', finishReason: 'stop' },
  ] as const;
  const completions = texts.map((one) => ({ ...one, logprob: 0, tokens: 1 }));
  const policy = { ask: async () => ({ completions, promptTokens: 9, completionTokens: 5, isCut: false }) };
  const honest = toyVerifier();
  const verifier: typeof honest = {
    ...honest,
    verify: async (problem, text) =>
      text.endsWith('odd') ? { verdict: 'unjudged', answer: 'odd', reason: 'timeout' } : honest.verify(problem, text),
  };
  const world = { problem: PROBLEM, domain: await loadDomain('countdown'), policy, verifier };
  const settings = { maxRolloutTokens: 9, maxDepth: 3, temperature: 1, topP: 1 };
  const { solutions, dropped, unjudged, timedOut } = await sampleSolutions(world, texts.length, settings, 1);
  expect({ dropped, unjudged, timedOut }).toEqual({ dropped: 1, unjudged: 1, timedOut: 1 });
  expect(solutions.map(({ end }) => [end.reward, end.answer])).toEqual([
    [1, '3 * 7 + 5 = 26'],
    [0, null],
    [0, null],
    [0, null],
  ]);
  expect(solutions.map(({ steps }) => steps.length)).toEqual([3, 2, 3, 2]);
});

describe('the search program with best-of-N', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'orrery-best-of-n-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const CONFIG = { method: 'best-of-n', samples: 40, problemsInFlight: 2 };
  type Given = { attempt?: number; config?: object; delay?: () => Promise<void>; signal?: AbortSignal };

  async function run(name: string, { attempt, config = {}, delay, signal }: Given = {}) {
    const dir = join(folder, name);
    const merged = { ...CONFIG, ...config };
    const context = await countdownStage('search', { dir, config: merged, records: PROBLEMS, attempt, signal });
    const asked: number[] = [];
    const toy = toyPolicy(delay);
    const ask: PolicyDriver['ask'] = (request) => {
      asked.push(request.n);
      return toy.ask(request);
    };
    const policy: PolicyDriver = { ...toy, ask };
    const services = { connectPolicy: async () => policy, startVerifier: async () => toyVerifier() };
    const result = await searchWith(context, services);
    const text = readFileSync(join(dir, result.files[0]!), 'utf8');
    const trees = text
      .trim()
      .split('\n')
      .map((line) => Tree.parse(JSON.parse(line)));
    return { result, reports: context.reports, text, trees, asked };
  }

  test('asks for N solutions of each problem, with the counts and reports of a search', async () => {
    const { result, trees, reports, asked } = await run('plain');
    expect(asked.toSorted()).toEqual([16, 16, 16, 16, 16, 16, 8, 8, 8]);
    expect(trees.map(({ problem }) => problem.id)).toEqual(PROBLEMS.map(({ id }) => id));
    for (const { nodes, iterations } of trees) {
      expect(nodes[0]!.visits).toBe(40);
      expect(iterations).toBe(3);
    }
    expect(result.counts).toMatchObject({
      problems: 3,
      iterations: 9,
      requests: 9,
      rollouts: 120,
      visits: 120,
      endedByTokens: 0,
      nodes: trees.reduce((sum, { nodes }) => sum + nodes.length, 0),
      promptTokens: trees.reduce((sum, { tokens }) => sum + tokens.prompt, 0),
      completionTokens: trees.reduce((sum, { tokens }) => sum + tokens.completion, 0),
    });
    expect(result.counts.solved).toBeGreaterThan(0);
    expect(reports[0]).toMatchObject({ unit: 'iteration', done: 0, total: 9 });
    expect(reports.at(-1)).toMatchObject({ unit: 'iteration', done: 9, total: 9 });
  });

  test('ends at its token budget with the solutions so far', async () => {
    const { result, trees, reports } = await run('budget', { config: { tokensPerProblem: 1 } });
    expect(result.counts).toMatchObject({ endedByTokens: 3, rollouts: 48 });
    for (const { endedBy, iterations } of trees)
      expect({ endedBy, iterations }).toEqual({ endedBy: 'tokens', iterations: 1 });
    expect(reports.at(-1)).toMatchObject({ done: 9, total: 9 });
  });

  test('killed at any byte of its journal, it resumes to the same trees and counts', async () => {
    const whole = await run('whole');
    const journal = readFileSync(join(folder, 'whole/journal', journalFile(0, 0)));
    const cuts = new Set([0, 1, journal.length - 1, journal.length]);
    for (let index = 0; index < 16; index += 1) cuts.add(seedFor('cut', index) % journal.length);
    let saved = 0;
    for (const cut of cuts) {
      mkdirSync(join(folder, `cut-${cut}`, 'journal'), { recursive: true });
      writeFileSync(join(folder, `cut-${cut}`, 'journal', journalFile(0, 0)), journal.subarray(0, cut));
      const next = random(cut);
      const resumed = await run(`cut-${cut}`, { attempt: cut % 2, delay: () => sleep(next() * 2) });
      expect(resumed.text).toBe(whole.text);
      expect(resumed.result).toEqual(whole.result);
      saved += whole.asked.length - resumed.asked.length;
    }
    expect(saved).toBeGreaterThan(0);
  });

  test('stopped in the middle, the next attempt requests only what the journal does not have', async () => {
    const whole = await run('whole');
    const abort = new AbortController();
    let requests = 0;
    const delay = async () => {
      requests += 1;
      if (requests === 5) abort.abort(new Error('stopped'));
    };
    await expect(run('stopped', { delay, signal: abort.signal })).rejects.toThrow('stopped');
    const resumed = await run('stopped', { attempt: 1 });
    expect(resumed.text).toBe(whole.text);
    expect(resumed.result).toEqual(whole.result);
    expect(resumed.asked.length).toBeLessThan(whole.asked.length);
  });

  test('leaves trees that linearise turns into direct and search traces, which go back to where solutions part', async () => {
    const { trees } = await run('search', { config: { samples: 200 } });
    const dir = join(folder, 'linearise');
    const context = await countdownStage('linearise', { dir, config: {}, records: trees });
    const { files } = await lineariseWith(context, { connectPolicy: async () => toyPolicy() });
    const lines = readFileSync(join(dir, files[0]!), 'utf8').trim().split('\n');
    const traces = lines.map((line) => Trace.parse(JSON.parse(line)));
    expect(traces.some(({ k }) => k === 0)).toBe(true);
    const jumps = traces.flatMap(({ problem, k, steps }) => {
      const { nodes } = trees.find((tree) => tree.problem.id === problem.id)!;
      const gone = steps.filter(({ move }) => move.type === 'backtrack');
      expect(gone).toHaveLength(k);
      return gone.map(({ node, move }) => {
        const to = move.type === 'backtrack' ? move.to : -1;
        expect(nodes[node]!.parent).toBe(to);
        return to;
      });
    });
    expect(jumps).toContain(0); // nothing shared, so a restart
    expect(jumps.some((to) => to > 0)).toBe(true); // a shared first step, so back to it
  });
});
