import { describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';
import { buildReport } from '../../report/build-report.ts';
import { compare } from '../../report/facts/comparisons.ts';
import { curriculumFacts } from '../../report/facts/curriculum.ts';
import { curveOf } from '../../report/facts/curves.ts';
import { headlineOf } from '../../report/facts/headline.ts';
import { benchmarksOf, evaluationOf, resultRow } from '../../report/facts/results.ts';
import { scoreProblems } from '../../report/facts/scores.ts';
import { type Comparison, Report } from '../../report/report-schema.ts';
import { random } from '../../stages/runtime/random.ts';
import { aCampaign, aCompletion, aProblem } from '../support/campaign-data.ts';

const INTERVALS = { confidence: 0.95, resamples: 300, randomFor: () => random(1) };
const sampled = (problemId: string, verdicts: readonly ('right' | 'wrong' | 'unjudged')[]) =>
  verdicts.map((verdict, sample) =>
    aCompletion({ problemId, sample, verdict, answer: verdict === 'right' ? '26' : null }),
  );

describe('scores', () => {
  test('an unjudged completion counts in no score', () => {
    const [score] = scoreProblems([
      ...sampled('p', ['right', 'wrong', 'unjudged']),
      aCompletion({ problemId: 'p', mode: 'greedy', sample: -1, verdict: 'unjudged' }),
    ]);
    expect(score).toMatchObject({ passRate: 0.5, greedy: null });
  });
  test('a problem without a judged completion has no pass rate', () =>
    expect(scoreProblems(sampled('p', ['unjudged']))[0]).toMatchObject({ passRate: null, majority: null }));
});

describe('results', () => {
  const base = evaluationOf('evaluate-base', [
    ...sampled('p', ['right', 'wrong']),
    ...sampled('q', ['right', 'right']),
  ])!;

  test('pass@1 is the mean over problems of the share of right samples', () => {
    const row = resultRow(base, 'held-out', INTERVALS);
    expect(row).toMatchObject({ label: 'base', arm: null, phase: 'base', problems: 2, samplesPerProblem: 2 });
    expect(row.passAt1.value).toBe(0.75);
  });
  test('greedy accuracy is missing when nothing was decoded greedily', () =>
    expect(resultRow(base, 'held-out', INTERVALS).greedy).toMatchObject({
      value: null,
      reason: 'greedy decoding was turned off',
    }));
  test('names of evaluations are parsed, other names are ignored', () => {
    expect(evaluationOf('astro/evaluate-rl', [])).toMatchObject({ arm: 'astro', phase: 'rl', label: 'astro RL' });
    expect(evaluationOf('astro/evaluate-later', [])).toBeNull();
  });
  test('several benchmarks are reported one by one and together', () => {
    const several = evaluationOf('evaluate-base', [aCompletion({ benchmark: 'a' }), aCompletion({ benchmark: 'b' })])!;
    expect(benchmarksOf([several])).toEqual(['a', 'b', null]);
    expect(benchmarksOf([base])).toEqual(['held-out']);
  });
});

describe('comparisons', () => {
  const greedy = (problemId: string, right: boolean) =>
    aCompletion({ problemId, mode: 'greedy', sample: -1, verdict: right ? 'right' : 'wrong' });
  const evaluation = (stage: string, outcomes: Readonly<Record<string, boolean>>) =>
    evaluationOf(
      stage,
      Object.entries(outcomes).map(([problem, right]) => greedy(problem, right)),
    )!;

  test('only problems that both were evaluated on are compared', () => {
    const first = evaluation('a/evaluate-rl', { p: true, q: true, r: true });
    const second = evaluation('b/evaluate-rl', { p: true, q: false, s: true });
    const comparison = compare('arms', first, second, 'held-out', INTERVALS);
    expect(comparison.greedy).toMatchObject({ value: 0.5, n: 2 });
    expect(comparison.mcnemar).toEqual({ onlyFirst: 1, onlySecond: 0, p: 1 });
    expect(comparison.passAt1.value).toBeNull();
  });
});

describe('curves', () => {
  test('for a step that two attempts wrote, the later attempt counts, whatever the order of the lines', () => {
    const lines = [
      { optimizerStep: 2, attempt: 1, loss: 0.5 },
      { optimizerStep: 1, attempt: 0, loss: 1 },
      { optimizerStep: 2, attempt: 0, loss: 9 },
    ];
    expect(curveOf(lines).map(({ optimizerStep, loss }) => [optimizerStep, loss])).toEqual([
      [1, 1],
      [2, 0.5],
    ]);
  });
});

describe('curriculum', () => {
  test('has a bin for each possible share of right samples', () => {
    const passRate = (right: number, kept: boolean) => {
      const problem = aProblem(`c${right}`);
      const reason = kept ? ('kept' as const) : ('too-easy' as const);
      return { problem, prompt: '', samples: 4, right, unjudged: 0, passRate: right / 4, kept, reason };
    };
    const facts = curriculumFacts('astro', { passRate: { min: 0.1, max: 0.75 } }, [
      passRate(2, true),
      passRate(4, false),
      passRate(2, true),
    ]);
    expect(facts.bins.map(({ prompts, kept }) => [prompts, kept])).toEqual([
      [0, 0],
      [0, 0],
      [2, 2],
      [0, 0],
      [1, 0],
    ]);
    expect(facts).toMatchObject({ window: { min: 0.1, max: 0.75 }, reasons: { kept: 2, 'too-easy': 1 } });
  });
});

describe('headline', () => {
  const comparison = (low: number | null, high: number | null, value: number | null = 0.02): Comparison => ({
    about: 'arms',
    first: 'astro/evaluate-rl',
    second: 'direct/evaluate-rl',
    firstLabel: 'astro RL',
    secondLabel: 'direct RL',
    phase: 'rl',
    benchmark: 'held-out',
    passAt1: { value, low, high, n: 400, reason: null },
    greedy: { value: null, low: null, high: null, n: 0, reason: 'no problem could be judged' },
    mcnemar: null,
  });
  test.each([
    {
      name: 'an interval above zero is for the first arm',
      given: comparison(0.01, 0.05),
      verdict: 'for',
      expected: 'astro is ahead of direct',
    },
    {
      name: 'an interval below zero is against it',
      given: comparison(-0.05, -0.01, -0.02),
      verdict: 'against',
      expected: 'astro is behind direct',
    },
    {
      name: 'an interval that contains zero decides nothing',
      given: comparison(-0.01, 0.05),
      verdict: 'undecided',
      expected: 'does not decide',
    },
    {
      name: 'no interval decides nothing',
      given: comparison(null, null),
      verdict: 'undecided',
      expected: 'does not decide',
    },
    {
      name: 'a missing difference is no comparison',
      given: comparison(null, null, null),
      verdict: 'not-compared',
      expected: 'cannot be compared',
    },
  ])('$name', ({ given, verdict, expected }) => {
    const headline = headlineOf([], [given], 0.95);
    expect(headline.verdict).toBe(verdict);
    expect(headline.sentence).toContain(expected);
  });
  test('a single arm is not compared', () => expect(headlineOf([], [], 0.95).verdict).toBe('not-compared'));
});

describe('the whole report', () => {
  test('matches its schema and is the same every time', async () => {
    const domain = await loadDomain('countdown');
    const campaign = aCampaign({ problems: 40, resamples: 200, benchmarks: ['easy', 'hard'] });
    const report = Report.parse(buildReport(campaign, domain));
    expect(buildReport(campaign, domain)).toEqual(report);
    expect(JSON.stringify(report)).not.toContain('NaN');
    expect(report.results).toHaveLength(5 * 3);
    expect(report.graphs).toHaveLength(4);
  });
  test('an arm that never backtracks has no correlation, and says why', async () => {
    const { correlations } = buildReport(aCampaign({ problems: 20, resamples: 100 }), await loadDomain('countdown'));
    const direct = correlations.filter(({ arm }) => arm === 'direct');
    expect(direct.map(({ r }) => r.reason)).toEqual(
      Array(2).fill('backtracks never vary, so there is nothing to correlate'),
    );
    expect(correlations.find(({ arm, over }) => arm === 'astro' && over === 'rl-steps')?.r.value).toBeGreaterThan(0.5);
  });
});
