import { describe, expect, test } from 'vitest';
import { domain } from '../../domains/countdown/domain.ts';
import type { Completion, CompletionRequest, PolicyDriver } from '../../stages/policy/policy.ts';
import { distinctSteps, sampleCandidates } from '../../stages/search/expansion.ts';
import type { RolloutPath } from '../../stages/search/mcts.ts';
import { type RolloutSettings, untilAnswer, valueByRollouts } from '../../stages/search/rollout.ts';
import type { Verifier } from '../../stages/verifier/verifier.ts';
import { PROBLEM, toyVerifier } from '../support/toy-countdown.ts';

const says = (text: string, logprob = -1, finishReason: Completion['finishReason'] = 'stop'): Completion => ({
  text,
  logprob,
  finishReason,
  tokens: text.split(' ').length,
});

function policyOf(completions: Completion[], seen: CompletionRequest[] = []): Pick<PolicyDriver, 'ask'> {
  return {
    async ask(request) {
      seen.push(request);
      return { completions: completions.slice(0, request.n), promptTokens: 0, completionTokens: 0, isCut: false };
    },
  };
}

const SETTINGS = {
  candidates: 3,
  maxStepTokens: 32,
  temperature: 1,
  topP: 1,
  rollouts: 3,
  maxRolloutTokens: 64,
  reuseRollouts: false,
};

describe('the candidates of an expansion', () => {
  test('are distinct, with the probability of each step instead of its frequency', () => {
    const completions = [
      says('3 + 5 = 8 .', Math.log(0.4)),
      says(' 3 + 5 = 8 .', Math.log(0.4)),
      says('3 * 7 = 21 .', Math.log(0.1)),
    ];
    const { distinct, dropped } = distinctSteps(completions, domain);
    expect(dropped).toBe(0);
    expect(distinct.map(({ step }) => step)).toEqual(['3 + 5 = 8 .', '3 * 7 = 21 .']);
    expect(distinct[0]!.prior).toBeCloseTo(0.8, 12);
    expect(distinct[1]!.prior).toBeCloseTo(0.2, 12);
  });

  test('add up the probabilities of the tokenizations of one text, each once', () => {
    const spelt = (spelling: string, probability: number) => ({
      ...says('3 + 5 = 8 .', Math.log(probability)),
      spelling,
    });
    const other = { ...says('3 * 7 = 21 .', Math.log(0.1)), spelling: 'other' };
    const { distinct } = distinctSteps([spelt('a', 0.2), spelt('a', 0.2), spelt('b', 0.1), other], domain);
    expect(distinct.map(({ prior }) => prior)).toEqual([expect.closeTo(0.75, 12), expect.closeTo(0.25, 12)]);
  });

  test('have priors that add up to 1 even when every probability underflows', () => {
    const { distinct } = distinctSteps([says('a .', -5000), says('b .', -5001)], domain);
    expect(distinct.reduce((sum, { prior }) => sum + prior, 0)).toBeCloseTo(1, 12);
    expect(distinct[0]!.prior).toBeGreaterThan(distinct[1]!.prior);
  });

  test('exclude, and count, empty completions and those cut in the middle', () => {
    const { distinct, dropped } = distinctSteps(
      [says('  '), says('3 + 5 =', -1, 'length'), says('3 + 5 = 8 .')],
      domain,
    );
    expect(distinct).toHaveLength(1);
    expect(dropped).toBe(2);
    expect(distinctSteps([says('')], domain)).toEqual({ distinct: [], dropped: 1 });
  });

  test('end the solution at a final answer and at the end of the text', () => {
    const { distinct } = distinctSteps([says('Final answer: 3 + 5 = 8'), says('3 + 5'), says('3 + 5 = 8 .')], domain);
    expect(distinct.map(({ ends }) => ends)).toEqual([true, true, false]);
  });

  test('are requested with the stop strings of a step, after the problem and the steps so far', async () => {
    const seen: CompletionRequest[] = [];
    const world = {
      problem: PROBLEM,
      domain,
      policy: policyOf([says('21 + 5 = 26 .')], seen),
      verifier: toyVerifier(),
    };
    await sampleCandidates(world, ['3 * 7 = 21 .'], SETTINGS, 11);
    expect(seen).toEqual([
      {
        prompt: 'Use 3 5 7 to make 26 : 3 * 7 = 21 .',
        n: 3,
        maxTokens: 32,
        temperature: 1,
        topP: 1,
        stop: [' .'],
        seed: 11,
        affinity: PROBLEM.id,
      },
    ]);
  });

  test('are judged when they end: right is 1, wrong is 0 with its answer, unjudged is 0 without an answer', async () => {
    const texts = ['Final answer: 21 + 5 = 26', 'Final answer: 21 - 5 = 16', 'Final answer: ?'];
    const verifier: Verifier = {
      ...toyVerifier(),
      verify: async (problem, completion) =>
        completion.includes('?') ? { verdict: 'unjudged', answer: '?' } : toyVerifier().verify(problem, completion),
    };
    const world = { problem: PROBLEM, domain, policy: policyOf(texts.map((text) => says(text))), verifier };
    const { candidates } = await sampleCandidates(world, ['3 * 7 = 21 .'], SETTINGS, 11);
    expect(candidates.map(({ end }) => end)).toEqual([
      { reward: 1, answer: '21 + 5 = 26' },
      { reward: 0, answer: '21 - 5 = 16' },
      { reward: 0, answer: null },
    ]);
  });
});

describe('rollouts', () => {
  const verdicts: Verifier = {
    ...toyVerifier(),
    verify: async (_, completion) => ({
      verdict: completion.includes('?') ? 'unjudged' : completion.endsWith('26') ? 'right' : 'wrong',
      answer: null,
    }),
  };
  const seen: CompletionRequest[] = [];
  const valued = (texts: string[], known: RolloutPath[] = [], settings: Partial<RolloutSettings> = {}) => {
    const policy = policyOf(
      texts.map((text) => says(text)),
      seen,
    );
    const world = { problem: PROBLEM, domain, policy, verifier: verdicts };
    const all = { ...SETTINGS, rollouts: texts.length + known.length, ...settings };
    return valueByRollouts(world, ['3 * 7 = 21 .'], all, 1, known);
  };

  test('give a state the mean of their verdicts', async () => {
    expect(await valued(['Final answer: 26', 'Final answer: 4'])).toMatchObject({
      value: 0.5,
      sampled: 2,
      unjudged: 0,
    });
  });

  test('that cannot be judged are left out of the mean', async () => {
    expect(await valued(['Final answer: 26', '?'])).toMatchObject({ value: 1, sampled: 2, unjudged: 1 });
    expect(await valued(['?', '?'])).toMatchObject({ value: 0, sampled: 2, unjudged: 2 });
  });

  test('of the parent through the state count among the M, and only the others are sampled', async () => {
    const known = [true, false, null].map((right) => ({ step: '3 * 7 = 21 .', right }));
    seen.length = 0;
    expect(await valued(['Final answer: 26'], known)).toMatchObject({ value: 2 / 3, sampled: 1, unjudged: 1 });
    expect(seen.map(({ n }) => n)).toEqual([1]);
  });

  test('are not sampled when the parent has enough of them, and no more than M of those count', async () => {
    const known = [true, true, false].map((right) => ({ step: '3 * 7 = 21 .', right }));
    seen.length = 0;
    expect(await valued([], known, { rollouts: 2 })).toMatchObject({ value: 1, sampled: 0, asked: null });
    expect(seen).toEqual([]);
  });

  test('are kept by their first step when they may be reused', async () => {
    const texts = ['21 + 5 = 26 . Final answer: 26', 'Final answer: 4'];
    expect((await valued(texts)).paths).toEqual([]);
    expect((await valued(texts, [], { reuseRollouts: true })).paths).toEqual([
      { step: '21 + 5 = 26 .', right: true },
      { step: 'Final answer: 4', right: false },
    ]);
  });

  test('are requested without log-probabilities, which nobody reads', async () => {
    seen.length = 0;
    await valued(['Final answer: 26']);
    expect(seen[0]).toMatchObject({ logprobs: false, affinity: PROBLEM.id });
  });

  test('end at their first final answer, whatever the policy writes after it', () => {
    const text = '21 + 5 = 26 . Final answer: 21 + 5 = 26 Final answer: 1 + 1 = 2';
    expect(untilAnswer(domain, text)).toEqual(['21 + 5 = 26 .', 'Final answer: 21 + 5 = 26']);
    expect(untilAnswer(domain, '21 + 5 = 26 . 1')).toEqual(['21 + 5 = 26 .', '1']);
  });
});
