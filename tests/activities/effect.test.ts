import { describe, expect, test } from 'vitest';
import { noEffectOf } from '../../activities/effect.ts';
import { type Counts, feedsTraining, parseCampaignSpec, planCampaign, type StageKind } from '../../spec/index.ts';
import { aCampaign } from '../support/worker.ts';

const look = (kind: StageKind, counts: Counts, config: unknown = {}, mayBeEmpty = false) =>
  noEffectOf({ kind, config }, counts, mayBeEmpty);

/** Stages of which nothing came: their counts, and what a person is told. */
const EMPTY: [kind: StageKind, counts: Counts, says: RegExp, config: object][] = [
  [
    'search',
    { problems: 24, solved: 0, terminals: 13, rollouts: 988, unjudgedRollouts: 2 },
    /^none of 24 problems was solved \(terminals 13, rollouts 988, unjudgedRollouts 2\).*\(data\.search\).*stages\.search/,
    {},
  ],
  [
    'linearise',
    { problems: 24, solved: 7, rightSolutions: 9, rejectedBySelfEvaluation: 9, traces: 0 },
    /^no trace came of 24 trees \(solved 7, rightSolutions 9, rejectedBySelfEvaluation 9\).*lower selfEvaluations \(8;/,
    { selfEvaluations: 8 },
  ],
  [
    'linearise',
    { problems: 3, solved: 0, rightSolutions: 0, traces: 0 },
    /no tree has a right solution: the search/,
    {},
  ],
  [
    'rewrite',
    { traces: 60, solutions: 0, droppedSolutions: 60, droppedNumbers: 58, droppedForm: 2 },
    /^60 of 60 solutions were dropped \(droppedNumbers 58, droppedForm 2\).*attemptsPerStep/,
    {},
  ],
  ['rewrite', { traces: 0, solutions: 0, droppedSolutions: 0 }, /there was no trace to rewrite/, {}],
  [
    'curriculum',
    { candidates: 40, kept: 0, tooEasy: 1, tooHard: 39, completions: 320, right: 8, unjudged: 5 },
    /^none of 40 prompts was kept \(tooEasy 1, tooHard 39, .*unjudged 5\).*stages\.curriculum\.passRate \(0\.25 to 0\.75\)/,
    { passRate: { min: 0.25, max: 0.75 } },
  ],
];

/** Stages in which the verifier could judge nothing. */
const UNJUDGED: [kind: StageKind, counts: Counts][] = [
  ['search', { problems: 24, solved: 0, rollouts: 50, unjudgedRollouts: 50, timedOut: 49 }],
  ['curriculum', { candidates: 9, kept: 0, completions: 72, unjudged: 72, timedOut: 49 }],
  ['evaluate', { problems: 9, completions: 72, right: 0, unjudged: 72, timedOut: 49 }],
];

describe('work of which nothing came', () => {
  test.each(EMPTY)('%s %j', (kind, counts, says, config) => {
    expect(look(kind, counts, config)?.words).toMatch(says);
    expect(look(kind, counts, config)).toMatchObject({
      isJudging: false,
      words: expect.stringMatching(/another attempt comes to the same/),
    });
  });

  test.each(EMPTY)('%s %j is a result like another where no training follows', (kind, counts, _, config) => {
    expect(look(kind, counts, config, true)).toBeNull();
  });

  test.each(UNJUDGED)('%s %j is never a result: another attempt may judge it', (kind, counts) => {
    for (const mayBeEmpty of [false, true]) {
      expect(look(kind, counts, {}, mayBeEmpty)).toMatchObject({ isJudging: true });
      expect(look(kind, counts, {}, mayBeEmpty)?.words).toMatch(/judge none of \d+ .* \(49 timed out\).*orrery retry/);
    }
  });

  test('is not seen where a little came of it, or where counts do not say', () => {
    expect(look('search', { problems: 24, solved: 1, rollouts: 50, unjudgedRollouts: 50 })).toBeNull();
    expect(look('linearise', { problems: 24, traces: 1 })).toBeNull();
    expect(look('rewrite', { traces: 60, solutions: 1, droppedSolutions: 59 })).toBeNull();
    expect(look('curriculum', { candidates: 40, kept: 1 })).toBeNull();
    expect(look('evaluate', { completions: 72, unjudged: 71 })).toBeNull();
    expect(look('evaluate', { completions: 72, right: 0, unjudged: 0 })).toBeNull(); // all wrong is a result
    for (const kind of ['search', 'linearise', 'rewrite', 'curriculum', 'evaluate', 'sft', 'analyse'] as const) {
      expect(look(kind, { steps: 3 })).toBeNull();
    }
  });
});

describe('a stage that training follows', () => {
  const feeding = (until?: 'linearise' | 'rewrite' | 'sft' | 'curriculum') => {
    const spec = parseCampaignSpec(aCampaign({ arms: [{ name: 'astro' }], ...(until && { until }) }), 'toy');
    const plan = planCampaign(spec);
    return plan.map(({ name }) => name).filter((name) => feedsTraining(name, plan));
  };
  const toRl = ['prepare', 'search', 'astro/linearise', 'astro/rewrite', 'astro/curriculum'];

  test('is every one on the way to SFT or RL', () => expect(feeding()).toEqual(toRl));
  test('is none where the campaign ends before SFT', () => {
    expect(feeding('linearise')).toEqual([]);
    expect(feeding('rewrite')).toEqual([]);
  });
  test('is no curriculum where the campaign ends with it', () =>
    expect(feeding('curriculum')).toEqual(toRl.slice(0, -1)));
});
