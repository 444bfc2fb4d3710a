import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';
import { Solution, type Trace } from '../../spec/index.ts';
import { journalFile } from '../../stages/io/journal.ts';
import type { Completion, CompletionRequest, Policy } from '../../stages/policy/policy.ts';
import { rewriteWith } from '../../stages/rewrite/program.ts';
import { rewriteStep } from '../../stages/rewrite/rewrite-step.ts';
import { countdownStage } from '../support/countdown-stage.ts';
import { PROBLEM, toyPolicy } from '../support/toy-countdown.ts';

const countdown = await loadDomain('countdown');

const aTrace = (name: string, k: 0 | 1): Trace => {
  const answer = '3 * 7 = 21 , 21 + 5 = 26';
  const step = (node: number, text: string) => ({
    node,
    step: text,
    q: 1,
    move: { type: 'continue' as const },
    backTo: null,
  });
  const wrong = [step(3, '21 - 5 = 16 .'), step(5, 'Final answer: 3 * 7 = 21 , 21 - 5 = 16')];
  const right = [step(4, '21 + 5 = 26 .'), step(6, `Final answer: ${answer}`)];
  const back = [{ ...right[0]!, move: { type: 'backtrack' as const, to: 1 }, backTo: '21' }, right[1]!];
  return {
    id: `${PROBLEM.id}/${name}`,
    problem: PROBLEM,
    k,
    steps: [step(1, '3 * 7 = 21 .'), ...(k === 0 ? right : [...wrong, ...back])],
    wrongAnswers: k === 0 ? [] : ['3 * 7 = 21 , 21 - 5 = 16'],
    answer,
    terminalStep: right[1]!.step,
  };
};
const TRACES = [aTrace('direct', 0), aTrace('search-1', 1), aTrace('search-2', 1), aTrace('search-3', 1)];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-rewrite-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(name: string, config: object = {}, { attempt = 0, part = 0, policy = toyPolicy() as Policy } = {}) {
  const dir = join(folder, name);
  const context = await countdownStage('rewrite', { dir, config, records: TRACES, attempt, part });
  const result = await rewriteWith(context, { connectPolicy: async () => policy });
  const [text, drops] = result.files.map((file) => readFileSync(join(dir, file), 'utf8')) as [string, string];
  const records = (lines: string) => lines.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  const solutions = records(text).map((record) => Solution.parse(record));
  return { ...result, text, solutions, dropped: records(drops), reports: context.reports };
}

const CAREFUL = { attemptsPerStep: 20 };

describe('the rewrite program', () => {
  test('turns traces into solutions whose spans name their nodes', async () => {
    const { files, counts, solutions, reports } = await run('plain', CAREFUL);
    expect(files).toEqual(['data/solutions-00000.jsonl', 'data/dropped-00000.jsonl']);
    expect(counts).toMatchObject({ traces: 4, solutions: 4, droppedSolutions: 0, k0: 1, k1: 3 });
    expect(solutions.map(({ id }) => id)).toEqual(TRACES.map(({ id }) => id));
    const [direct, searching] = solutions;
    expect(direct!.prompt).toBe(PROBLEM.problem);
    expect(direct!.text).toBe(' We get 21 from 3 * 7 . We get 26 from 21 + 5 . Final answer: 3 * 7 = 21 , 21 + 5 = 26');
    for (const { from, to, kind, node } of searching!.spans.filter((span) => span.kind === 'backtrack')) {
      expect(searching!.text.slice(from, to)).toBe("Let's go back to where we had 21 .");
      expect({ kind, node }).toEqual({ kind: 'backtrack', node: 1 });
    }
    expect(searching!.spans.filter(({ kind }) => kind === 'answer')).toHaveLength(1);
    expect(reports.at(-1)).toMatchObject({ unit: 'solution', done: 4, total: 4 });
  });

  test('drops and counts a solution with a step that stays faulty', async () => {
    const losing: Policy = {
      ...toyPolicy(),
      complete: async () => [{ text: 'We get 21 .', tokens: 4, finishReason: 'stop', logprob: 0 }],
    };
    const { counts, solutions, dropped } = await run('losing', { attemptsPerStep: 3 }, { policy: losing });
    expect(solutions).toEqual([]);
    expect(counts).toMatchObject({ traces: 4, solutions: 0, droppedSolutions: 4, faultyRewrites: 12 });
    expect(counts).toMatchObject({ droppedNumbers: 4, faultyNumbers: 12 });
    expect(dropped).toEqual(TRACES.map(({ id, k }) => ({ id, k, source: PROBLEM.source, reason: 'numbers' })));
  });

  test('replaces a dropped trace by the next one, with the same bytes after a kill at any line', async () => {
    // Solutions with a wrong branch cannot be written, because 21 - 5 always loses a number.
    const toy = toyPolicy() as Policy;
    const policy: Policy = {
      ...toy,
      complete: async (request) =>
        request.prompt.includes('21 - 5')
          ? [{ text: 'We get 16 .', tokens: 4, finishReason: 'stop', logprob: 0 }]
          : toy.complete(request),
    };
    const config = { ...CAREFUL, targetSolutions: 1 };
    const whole = await run('replaced', config, { policy });
    expect(whole.solutions.map(({ id }) => id)).toEqual([TRACES[0]!.id]);
    expect(whole.counts).toMatchObject({ solutions: 1, droppedSolutions: whole.counts.traces! - 1 });
    expect(whole.counts.traces).toBeGreaterThan(1);
    expect(whole.reports.at(-1)).toMatchObject({ done: whole.counts.traces, total: whole.counts.traces });
    const journal = readFileSync(join(folder, 'replaced/journal', journalFile(0, 0)));
    for (const cut of [...journal.entries()].flatMap(([index, byte]) => (byte === 10 ? [index + 1, index - 5] : []))) {
      mkdirSync(join(folder, `replaced-${cut}`, 'journal'), { recursive: true });
      writeFileSync(join(folder, `replaced-${cut}`, 'journal', journalFile(0, 0)), journal.subarray(0, cut));
      const { text, dropped, counts } = await run(`replaced-${cut}`, config, { policy, attempt: 1 });
      expect({ text, dropped, counts }).toEqual({ text: whole.text, dropped: whole.dropped, counts: whole.counts });
    }
  });

  test('ends with fewer solutions than wanted when the traces run out', async () => {
    const { counts } = await run('run-out', { ...CAREFUL, targetSolutions: 1000 });
    expect(counts).toMatchObject({ traces: 4, solutions: 4 });
  });

  test('divides the target among shards, which compute the same order', async () => {
    const config = { ...CAREFUL, targetSolutions: 3, run: { shards: 2 } };
    const ids = [0, 1].map(async (part) => (await run('shards', config, { part })).solutions.map(({ id }) => id));
    const [first, second] = await Promise.all(ids);
    expect(first!.length + second!.length).toBe(3);
    expect(new Set([...first!, ...second!]).size).toBe(3);
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

describe('the rewriting of a step', () => {
  const says = (text: string, finishReason: Completion['finishReason'] = 'stop'): Completion => ({
    text,
    finishReason,
    tokens: 1,
    logprob: 0,
  });
  const settings = { attemptsPerStep: 3, temperature: 0.7, maxStepTokens: 16 };
  const asked = { problem: PROBLEM.problem, written: '', step: '3 * 7 = 21 .' };

  async function rewriteWithAnswers(answers: Completion[]) {
    const seen: CompletionRequest[] = [];
    const policy: Policy = {
      usage: { promptTokens: 0, completionTokens: 0, requests: 0, cutToRoom: 0, withoutRoom: 0 },
      complete: async (request) => [answers[seen.push(request) - 1]!],
    };
    return {
      seen,
      rewritten: await rewriteStep({ domain: countdown, policy }, asked, settings, (attempt) => 100 + attempt),
    };
  }

  test('asks again with another seed until there is no fault', async () => {
    const { seen, rewritten } = await rewriteWithAnswers([
      says('We get 21 .'),
      says(''),
      says(' 3 times 7 gives 21 .'),
    ]);
    expect(rewritten.text).toBe('3 times 7 gives 21 .');
    expect(rewritten.faults).toEqual([
      { reason: 'numbers', detail: 'expected the numbers 3, 7, 21, but it has 21' },
      { reason: 'empty', detail: 'it is empty' },
    ]);
    expect(seen.map(({ seed }) => seed)).toEqual([100, 101, 102]);
    expect(seen[0]).toMatchObject({
      prompt: 'Rewrite : 3 * 7 = 21 . =>',
      stop: [' .'],
      n: 1,
      maxTokens: 16,
      temperature: 0.7,
    });
  });

  test('gives up after its attempts, and counts a cut text as a fault', async () => {
    const cut = says('3 times 7 gives 21 .', 'length');
    const { rewritten } = await rewriteWithAnswers([cut, cut, cut]);
    const fault = { reason: 'tooLong', detail: 'it is longer than 16 tokens' };
    expect(rewritten).toEqual({ text: null, tokens: 0, faults: [fault, fault, fault] });
  });
});
