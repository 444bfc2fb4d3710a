import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { noEffectOf } from '../../activities/effect.ts';
import { inProject } from '../../config/paths.ts';
import { type Counts, feedsTraining, parseCampaignSpec, planCampaign, type StageKind } from '../../spec/index.ts';
import { aCampaign } from '../support/worker.ts';

const effectOf = (kind: StageKind, counts: Counts, config: unknown = {}, mayBeEmpty = false) =>
  noEffectOf({ kind, config }, counts, mayBeEmpty);

/** Stages whose work had no effect: their counts, and the message. */
const EMPTY: [kind: StageKind, counts: Counts, message: RegExp, config: object][] = [
  [
    'search',
    { problems: 24, solved: 0, terminals: 13, rollouts: 988, unjudgedRollouts: 2 },
    /^none of 24 problems was solved \(terminals 13, rollouts 988, unjudgedRollouts 2\).*\(data\.search\).*stages\.search/,
    {},
  ],
  [
    'linearise',
    { problems: 24, solved: 7, rightSolutions: 9, rejectedBySelfEvaluation: 9, traces: 0 },
    /^no trace came from 24 trees \(solved 7, rightSolutions 9, rejectedBySelfEvaluation 9\).*lower selfEvaluations \(8;/,
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

describe('work without any effect', () => {
  test.each(EMPTY)('%s %j', (kind, counts, message, config) => {
    expect(effectOf(kind, counts, config)?.message).toMatch(message);
    expect(effectOf(kind, counts, config)).toMatchObject({
      isJudging: false,
      message: expect.stringMatching(/another attempt gives the same result/),
    });
  });

  test.each(EMPTY)('%s %j is a normal result if no training follows', (kind, counts, _, config) => {
    expect(effectOf(kind, counts, config, true)).toBeNull();
  });

  test.each(UNJUDGED)('%s %j is never a result, because another attempt may judge it', (kind, counts) => {
    for (const mayBeEmpty of [false, true]) {
      expect(effectOf(kind, counts, {}, mayBeEmpty)).toMatchObject({ isJudging: true });
      expect(effectOf(kind, counts, {}, mayBeEmpty)?.message).toMatch(
        /judge none of \d+ .* \(49 timed out\).*orrery retry/,
      );
    }
  });

  test('is not reported if there was a little effect, or if counts do not say', () => {
    expect(effectOf('search', { problems: 24, solved: 1, rollouts: 50, unjudgedRollouts: 50 })).toBeNull();
    expect(effectOf('linearise', { problems: 24, traces: 1 })).toBeNull();
    expect(effectOf('rewrite', { traces: 60, solutions: 1, droppedSolutions: 59 })).toBeNull();
    expect(effectOf('curriculum', { candidates: 40, kept: 1 })).toBeNull();
    expect(effectOf('evaluate', { completions: 72, unjudged: 71 })).toBeNull();
    expect(effectOf('evaluate', { completions: 72, right: 0, unjudged: 0 })).toBeNull(); // all wrong is a result
    for (const kind of ['search', 'linearise', 'rewrite', 'curriculum', 'evaluate', 'sft', 'analyse'] as const) {
      expect(effectOf(kind, { steps: 3 })).toBeNull();
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

  test('is every stage on the way to SFT or RL', () => expect(feeding()).toEqual(toRl));
  test('is none if the campaign ends before SFT', () => {
    expect(feeding('linearise')).toEqual([]);
    expect(feeding('rewrite')).toEqual([]);
  });
  test('is no curriculum if the campaign ends with it', () => expect(feeding('curriculum')).toEqual(toRl.slice(0, -1)));
});

test('stages and trainings give the same advice in the same words', () => {
  const [stages, trainings] = ['activities/effect.ts', 'trainers/orrery_trainers/training/effect.py'].map((file) =>
    constantsOf(readFileSync(inProject(file), 'utf8')),
  );
  expect(Object.keys(stages!)).toEqual(['SAME_RESULT', 'RESUBMIT', 'FIX_VERIFIER']);
  expect(trainings).toMatchObject(stages!);
});

/** Constant texts of a source, in TypeScript or Python, by name. */
const constantsOf = (source: string): Record<string, string> =>
  Object.fromEntries(
    [...source.matchAll(/^(?:const )?([A-Z_]+) =\s+['"](.*)['"];?$/gm)].map(({ 1: name, 2: text }) => [name, text]),
  );
