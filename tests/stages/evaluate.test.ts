import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EvaluatedCompletion, FILES, type Problem, partFile } from '../../spec/index.ts';
import { readAllJsonl } from '../../stages/io/jsonl.ts';
import { type Reply, startFakePolicyServer } from '../support/fake-policy-server.ts';
import { startStage } from '../support/stage-process.ts';
import { finishedStage, plannedStage } from '../support/stored-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PROBLEMS: Problem[] = [
  { id: 'one', problem: '1 + 1 =', reference: '2', source: 'easy' },
  { id: 'two', problem: '20 + 20 =', reference: '40', source: 'hard' },
];

/**
 * The greedy completion is right, after a restart. Samples of the hard benchmark cannot be judged; those of the easy
 * one are wrong.
 */
const reply: Reply = ({ prompt, temperature }) => {
  const hard = prompt.includes('20');
  if (temperature === 0) return `Answer: 1 . Let's restart. Answer: ${hard ? 40 : 2}`;
  return hard ? 'Answer: unclear' : 'Answer: 3';
};

async function anEvaluation(config: Record<string, unknown>, problems = PROBLEMS) {
  const store = await temporaryFolder();
  const data = { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 2 };
  const prompts = await finishedStage(store, { kind: 'prepare', data }, { [FILES.prepare.benchmarks]: problems });
  const { path, dir } = await plannedStage(store, { kind: 'evaluate', config, inputs: { prompts } });
  const output = join(dir, 'data', partFile(FILES.evaluate.completions, 0));
  const counts = async () => JSON.parse(await readFile(join(dir, 'parts/00000.json'), 'utf8')).counts;
  return { store, path, counts, records: () => readAllJsonl([output], EvaluatedCompletion) };
}

test('every problem is completed greedily and sampled, verified, and its backtracks are counted', async () => {
  await using server = await startFakePolicyServer(reply);
  const { store, path, records, counts } = await anEvaluation({ samplesPerProblem: 2, temperature: 0.8, topP: 0.9 });
  expect(await startStage(path, { store, policyUrl: server.url }).ended).toMatchObject({ code: 0 });
  const easy = { benchmark: 'easy', problemId: 'one', problem: '1 + 1 =', finishReason: 'stop', reason: null };
  expect((await records()).slice(0, 3)).toEqual([
    {
      ...easy,
      sample: -1,
      mode: 'greedy',
      text: "Answer: 1 . Let's restart. Answer: 2",
      tokens: 7,
      verdict: 'right',
      answer: '2',
      backtracks: 1,
    },
    ...[0, 1].map((sample) => ({
      ...easy,
      sample,
      mode: 'sampled',
      text: 'Answer: 3',
      tokens: 2,
      verdict: 'wrong',
      answer: '3',
      backtracks: 0,
    })),
  ]);
  expect(await counts()).toEqual({
    problems: 2,
    completions: 4,
    right: 0,
    unjudged: 2,
    timedOut: 0,
    greedyCompletions: 2,
    greedyRight: 2,
    completionTokens: 2 * 7 + 4 * 2,
    cutToRoom: 0,
    withoutRoom: 0,
  });
  expect(server.requests.map(({ n, temperature, top_p }) => [n, temperature, top_p]).toSorted()).toEqual([
    ...[
      [1, 0, 1],
      [1, 0, 1],
    ],
    ...[
      [2, 0.8, 0.9],
      [2, 0.8, 0.9],
    ],
  ]);
});

test('without greedy decoding there are only samples', async () => {
  await using server = await startFakePolicyServer(reply);
  const { store, path, records } = await anEvaluation({ samplesPerProblem: 1, greedy: false });
  expect(await startStage(path, { store, policyUrl: server.url }).ended).toMatchObject({ code: 0 });
  expect((await records()).map(({ mode }) => mode)).toEqual(['sampled', 'sampled']);
});

test('a problem that is too long is counted and not sent; one that leaves little space is asked for fewer tokens', async () => {
  await using server = await startFakePolicyServer(reply, { contextTokens: 60 });
  const long: Problem = { id: 'long', problem: `${'1 + '.repeat(60)}1 =`, reference: '61', source: 'hard' };
  const { store, path, records, counts } = await anEvaluation({ samplesPerProblem: 2 }, [...PROBLEMS, long]);
  expect(await startStage(path, { store, policyUrl: server.url }).ended).toMatchObject({ code: 0 });
  expect(await counts()).toMatchObject({ problems: 3, completions: 6, greedyRight: 2, cutToRoom: 2, withoutRoom: 1 });
  const unsent = (await records()).filter(({ problemId }) => problemId === 'long');
  expect(unsent.map(({ text, tokens }) => [text, tokens])).toEqual(Array(3).fill(['', 0]));
  expect(unsent.every(({ verdict }) => verdict !== 'right')).toBe(true);
  expect(server.requests.some(({ prompt }) => prompt.includes(long.problem))).toBe(false);
});

test('an evaluation in which no problem fits into the context has no result', async () => {
  await using server = await startFakePolicyServer(reply, { contextTokens: 1 });
  const { store, path } = await anEvaluation({});
  const { code, stderr } = await startStage(path, { store, policyUrl: server.url }).ended;
  expect(code).toBe(65);
  expect(stderr).toMatch(/none of 2 does: the context of the policy server is too short/);
});
