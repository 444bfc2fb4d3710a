import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SelfEvaluation, Trace, Tree } from '../../spec/index.ts';
import { journalFile } from '../../stages/io/journal.ts';
import { lineariseWith } from '../../stages/linearise/program.ts';
import type { Policy } from '../../stages/policy/policy.ts';
import { searchWith } from '../../stages/search/program.ts';
import { countdownStage } from '../support/countdown-stage.ts';
import { PROBLEMS, toyPolicy, toyVerifier } from '../support/toy-countdown.ts';

let folder: string;
let trees: Tree[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-linearise-'));
  const dir = join(folder, 'search');
  const config = { candidates: 12, rollouts: 2, iterations: 40 };
  const context = await countdownStage('search', { dir, config, records: PROBLEMS });
  const { files } = await searchWith(context, {
    connectPolicy: async () => toyPolicy(),
    startVerifier: async () => toyVerifier(),
  });
  trees = readFileSync(join(dir, files[0]!), 'utf8')
    .trim()
    .split('\n')
    .map((line) => Tree.parse(JSON.parse(line)));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(name: string, config: object = {}, { policy = toyPolicy() as Policy, attempt = 0 } = {}) {
  const dir = join(folder, name);
  const context = await countdownStage('linearise', { dir, config, records: trees, attempt });
  const result = await lineariseWith(context, { connectPolicy: async () => policy });
  const text = readFileSync(join(dir, result.files[0]!), 'utf8');
  const traces = text.split('\n').flatMap((line) => (line === '' ? [] : [Trace.parse(JSON.parse(line))]));
  return { ...result, text, traces, reports: context.reports, policy };
}

const selfEvaluationsOf = (name: string): SelfEvaluation[] =>
  readFileSync(join(folder, name, 'data/self-evaluations-00000.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => SelfEvaluation.parse(JSON.parse(line)));

/** Rejects the samples with the given numbers. */
function doubting(disapproved: number): Policy {
  const policy = toyPolicy();
  const complete: Policy['complete'] = async (request) => {
    const completions = await policy.complete(request);
    return completions.map((completion, index) =>
      index === disapproved ? { ...completion, text: 'Our solution does not reach the target.' } : completion,
    );
  };
  return { ...policy, complete };
}

describe('the linearise program', () => {
  test('writes direct and search traces, with matching counts', async () => {
    const { files, counts, traces, reports } = await run('plain');
    expect(files).toEqual(['data/traces-00000.jsonl', 'data/self-evaluations-00000.jsonl']);
    expect(counts.problems).toBe(3);
    expect(counts.traces).toBe(traces.length);
    expect(counts.k0).toBe(counts.accepted);
    expect(traces.some(({ k }) => k > 0)).toBe(true);
    expect(reports.at(-1)).toMatchObject({ unit: 'problem', done: 3, total: 3 });
  });

  test('keeps nothing when one of many self-evaluations disagrees', async () => {
    const { counts, traces } = await run('doubting', { selfEvaluations: 8 }, { policy: doubting(5) });
    expect(traces).toEqual([]);
    expect(counts.rejectedBySelfEvaluation).toBe(counts.selfEvaluated);
    expect(counts.selfEvaluated).toBeGreaterThan(0);
    expect(counts.solved).toBeGreaterThan(0);
    const judged = selfEvaluationsOf('doubting');
    expect(judged).toHaveLength(counts.selfEvaluated!);
    for (const { times, approvals, accepted } of judged) expect([times, approvals, accepted]).toEqual([8, 7, false]);
    const ofKnownValue = judged.filter(({ value }) => value !== null);
    expect(counts.rejectedOfLowValue! + counts.rejectedOfHighValue!).toBe(ofKnownValue.length);
    expect(counts.rejectedOfLowValue).toBe(ofKnownValue.filter(({ value }) => value! < 0.5).length);
    expect(counts.acceptedOfLowValue! + counts.acceptedOfHighValue! + counts.rejectedByAll!).toBe(0);
  });

  test('asks nothing when self-evaluation is off', async () => {
    const { policy, traces } = await run('unasked', { selfEvaluations: 0 });
    expect(policy.usage.requests).toBe(0);
    expect(traces.length).toBeGreaterThan(0);
  });

  test('makes only direct traces for a direct arm, the same ones as in the other arm', async () => {
    const astro = await run('astro');
    const direct = await run('direct', { searchTraces: 0 });
    expect(direct.traces).toEqual(astro.traces.filter(({ k }) => k === 0));
  });

  test('killed at any line of its journal, it resumes to the same bytes', async () => {
    const whole = await run('whole');
    const journal = readFileSync(join(folder, 'whole/journal', journalFile(0, 0)));
    const lines = [...journal.entries()].flatMap(([index, byte]) => (byte === 10 ? [index + 1, index - 5] : []));
    for (const cut of [0, ...lines]) {
      mkdirSync(join(folder, `cut-${cut}`, 'journal'), { recursive: true });
      writeFileSync(join(folder, `cut-${cut}`, 'journal', journalFile(0, 0)), journal.subarray(0, cut));
      const resumed = await run(`cut-${cut}`, {}, { attempt: 1 });
      expect(resumed.text).toBe(whole.text);
      expect(resumed.counts).toEqual(whole.counts);
    }
  });
});
