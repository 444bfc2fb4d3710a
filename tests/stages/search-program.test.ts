import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tree } from '../../spec/index.ts';
import { journalFile } from '../../stages/journal.ts';
import { random, seedFor } from '../../stages/random.ts';
import { searchWith } from '../../stages/search/program.ts';
import { type Iteration, iterationsByProblem } from '../../stages/search/record.ts';
import { countdownStage } from '../support/countdown-stage.ts';
import { PROBLEMS, toyPolicy, toyVerifier } from '../support/toy-countdown.ts';

const CONFIG = { candidates: 4, rollouts: 2, iterations: 6, problemsInFlight: 2 };
const TREES = 'data/trees-00000.jsonl';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-search-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Given = { attempt?: number; config?: object; delay?: () => Promise<void>; signal?: AbortSignal; part?: number };

async function run(name: string, { attempt, config = {}, delay, signal, part }: Given = {}) {
  const dir = join(folder, name);
  const merged = { ...CONFIG, ...config };
  const context = await countdownStage('search', { dir, config: merged, records: PROBLEMS, attempt, part, signal });
  const result = await searchWith(context, {
    connectPolicy: async () => toyPolicy(delay),
    startVerifier: async () => toyVerifier(),
  });
  return { result, reports: context.reports, trees: readFileSync(join(dir, result.files[0]!), 'utf8') };
}

describe('the search program', () => {
  test('writes one tree a problem, in the order of the problems, with counts that fit', async () => {
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

  test('reports iterations up to the whole, also where trees are exhausted early', async () => {
    const { reports } = await run('reports', { config: { iterations: 60 } });
    expect(reports[0]).toMatchObject({ unit: 'iteration', done: 0, total: 180 });
    expect(reports.at(-1)).toMatchObject({ unit: 'iteration', done: 180, total: 180 });
    expect(reports.at(-1)!.metrics).toHaveProperty('solved');
    expect(reports.at(-1)!.metrics).toHaveProperty('tokensPerSecond');
  });

  test('finds the same trees whatever the number in flight and the order of answers', async () => {
    const next = random(1);
    const jittered = await run('jittered', { config: { problemsInFlight: 3 }, delay: () => sleep(next() * 3) });
    const alone = await run('alone', { config: { problemsInFlight: 1 } });
    expect(jittered.trees).toBe(alone.trees);
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

  test('killed at any byte of its journal, it goes on to the same trees and counts', async () => {
    const whole = await run('whole');
    const journal = readFileSync(join(folder, 'whole/journal', journalFile(0, 0)));
    const cuts = new Set([0, 1, journal.length - 1, journal.length]);
    for (let index = 0; index < 40; index += 1) cuts.add(seedFor('cut', index) % journal.length);
    for (const cut of cuts) {
      mkdirSync(join(folder, `cut-${cut}`, 'journal'), { recursive: true });
      writeFileSync(join(folder, `cut-${cut}`, 'journal', journalFile(0, 0)), journal.subarray(0, cut));
      const resumed = await run(`cut-${cut}`, { attempt: cut % 2 }); // the same attempt started again, and the next one
      expect(resumed.trees).toBe(whole.trees);
      expect(resumed.result).toEqual(whole.result);
    }
  });

  test('stopped by a signal, it keeps its journal, and the next attempt goes on from there', async () => {
    const whole = await run('whole');
    const abort = new AbortController();
    let requests = 0;
    const delay = async () => {
      requests += 1;
      if (requests === 20) abort.abort(new Error('stopped'));
    };
    await expect(run('stopped', { delay, signal: abort.signal })).rejects.toThrow('stopped');
    const resumed = await run('stopped', { attempt: 1 });
    expect(resumed.trees).toBe(whole.trees);
    expect(resumed.reports[0]!.done).toBeGreaterThan(0);
    expect(resumed.result).toEqual(whole.result);
  });
});

describe('a journal of iterations', () => {
  const entry = (iteration: number, leaf: number): Iteration => ({
    problem: 'p',
    iteration,
    event: { type: 'revisited', leaf },
    cost: { promptTokens: 0, completionTokens: 0, rollouts: 0, dropped: 0, unjudged: 0, refused: 0 },
  });

  test('takes a later attempt for right from the iteration on at which it began', () => {
    const zombie = [entry(0, 10), entry(1, 11), entry(2, 12), entry(3, 13)];
    const next = [entry(2, 22)];
    const log = iterationsByProblem([...zombie, ...next]).get('p');
    expect(log?.map(({ event }) => event.leaf)).toEqual([10, 11, 22]);
  });

  test('drops an entry that leaves a gap', () => {
    expect(iterationsByProblem([entry(0, 1), entry(2, 3)]).get('p')).toEqual([entry(0, 1)]);
    expect(iterationsByProblem([entry(1, 1)]).size).toBe(0);
  });
});
