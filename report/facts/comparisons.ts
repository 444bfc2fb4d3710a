import type { Comparison } from '../report-schema.ts';
import { bootstrapMean } from '../statistics/bootstrap.ts';
import { mcnemarExact } from '../statistics/mcnemar.ts';
import type { Evaluation, Intervals } from './results.ts';
import type { ProblemScore } from './scores.ts';

type Pair = readonly [first: ProblemScore, second: ProblemScore];

/**
 * The evaluations to compare: the first arm with every other arm at each phase, and each arm with itself across its
 * training (SFT against base, RL against SFT).
 */
export function pairsToCompare(
  evaluations: readonly Evaluation[],
  arms: readonly string[],
): { about: Comparison['about']; first: Evaluation; second: Evaluation }[] {
  const at = (arm: string | null, phase: Evaluation['phase']) =>
    evaluations.find((evaluation) => evaluation.arm === arm && evaluation.phase === phase);
  const pair = (about: Comparison['about'], first: Evaluation | undefined, second: Evaluation | undefined) =>
    first !== undefined && second !== undefined ? [{ about, first, second }] : [];
  const [leading = '', ...others] = arms;
  return [
    ...(['rl', 'sft'] as const).flatMap((phase) =>
      others.flatMap((other) => pair('arms', at(leading, phase), at(other, phase))),
    ),
    ...arms.flatMap((arm) => [
      ...pair('training', at(arm, 'sft'), at(null, 'base')),
      ...pair('training', at(arm, 'rl'), at(arm, 'sft')),
    ]),
  ];
}

/** First minus second, over the problems that both were evaluated on. */
export function compare(
  about: Comparison['about'],
  first: Evaluation,
  second: Evaluation,
  benchmark: string | null,
  intervals: Intervals,
): Comparison {
  const pairs = pairUp(first.scores, second.scores, benchmark);
  const random = (measure: string) => intervals.randomFor(first.stage, second.stage, benchmark ?? '', measure);
  const { confidence, resamples } = intervals;
  const greedy = pairs.flatMap(([a, b]) => (a.greedy === null || b.greedy === null ? [] : [[a.greedy, b.greedy]]));
  const onlyFirst = greedy.filter(([a, b]) => a && !b).length;
  const onlySecond = greedy.filter(([a, b]) => b && !a).length;
  return {
    about,
    first: first.stage,
    second: second.stage,
    firstLabel: first.label,
    secondLabel: second.label,
    phase: first.phase,
    benchmark,
    passAt1: bootstrapMean(
      pairs.flatMap(([a, b]) => (a.passRate === null || b.passRate === null ? [] : a.passRate - b.passRate)),
      { confidence, resamples, random: random('pass@1') },
    ),
    greedy: bootstrapMean(
      greedy.map(([a, b]) => Number(a) - Number(b)),
      { confidence, resamples, random: random('greedy') },
    ),
    mcnemar: greedy.length === 0 ? null : { onlyFirst, onlySecond, p: mcnemarExact(onlyFirst, onlySecond) },
  };
}

function pairUp(first: readonly ProblemScore[], second: readonly ProblemScore[], benchmark: string | null): Pair[] {
  const idOf = (score: ProblemScore) => JSON.stringify([score.benchmark, score.problemId]);
  const others = new Map(second.map((score) => [idOf(score), score]));
  return first
    .filter((score) => benchmark === null || score.benchmark === benchmark)
    .flatMap((score): Pair[] => {
      const other = others.get(idOf(score));
      return other === undefined ? [] : [[score, other]];
    });
}
