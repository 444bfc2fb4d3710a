import { describe, expect, test } from 'vitest';
import { domain } from '../../domains/countdown/domain.ts';
import type { Completion, CompletionRequest, Policy } from '../../stages/policy.ts';
import { distinctSteps, sampleCandidates } from '../../stages/search/expansion.ts';
import { untilAnswer, valueByRollouts } from '../../stages/search/rollout.ts';
import type { Verifier } from '../../stages/verifier.ts';
import { PROBLEM, toyVerifier } from '../support/toy-countdown.ts';

const says = (text: string, logprob = -1, finishReason: Completion['finishReason'] = 'stop'): Completion => ({
  text,
  logprob,
  finishReason,
  tokens: text.split(' ').length,
});

function policyOf(completions: Completion[], seen: CompletionRequest[] = []): Policy {
  return {
    usage: { promptTokens: 0, completionTokens: 0, requests: 0 },
    async complete(request) {
      seen.push(request);
      return completions;
    },
  };
}

const SETTINGS = { candidates: 3, maxStepTokens: 32, temperature: 1, topP: 1, rollouts: 3, maxRolloutTokens: 64 };

describe('the candidates of an expansion', () => {
  test('are distinct, with the probability of each step and not its frequency', () => {
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

  test('have priors that add up to 1 even where every probability underflows', () => {
    const { distinct } = distinctSteps([says('a .', -5000), says('b .', -5001)], domain);
    expect(distinct.reduce((sum, { prior }) => sum + prior, 0)).toBeCloseTo(1, 12);
    expect(distinct[0]!.prior).toBeGreaterThan(distinct[1]!.prior);
  });

  test('leave out, and count, what is empty or was cut in the middle', () => {
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

  test('are asked for with the stops of a step, after the problem and the steps so far', async () => {
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
      },
    ]);
  });

  test('have those judged that end: right is 1, wrong is 0 with its answer, unjudged is 0 without', async () => {
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
  const valued = (texts: string[]) => {
    const policy = policyOf(texts.map((text) => says(text)));
    return valueByRollouts({ problem: PROBLEM, domain, policy, verifier: verdicts }, ['3 * 7 = 21 .'], SETTINGS, 1);
  };

  test('value a state by the mean of their verdicts', async () => {
    expect(await valued(['Final answer: 26', 'Final answer: 4'])).toEqual({ value: 0.5, rollouts: 2, unjudged: 0 });
  });

  test('leave out of the mean what cannot be judged', async () => {
    expect(await valued(['Final answer: 26', '?'])).toEqual({ value: 1, rollouts: 2, unjudged: 1 });
    expect(await valued(['?', '?'])).toEqual({ value: 0, rollouts: 2, unjudged: 2 });
  });

  test('end at their first final answer, whatever the policy goes on to say', () => {
    const text = '21 + 5 = 26 . Final answer: 21 + 5 = 26 Final answer: 1 + 1 = 2';
    expect(untilAnswer(domain, text)).toEqual(['21 + 5 = 26 .', 'Final answer: 21 + 5 = 26']);
    expect(untilAnswer(domain, '21 + 5 = 26 . 1')).toEqual(['21 + 5 = 26 .', '1']);
  });
});
