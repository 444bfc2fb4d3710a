import type { EvaluatedCompletion } from '../../spec/records.ts';
import type { Phase, ResultRow } from '../report-schema.ts';
import { bootstrapMean } from '../statistics/bootstrap.ts';
import { missing } from '../statistics/estimate.ts';
import { wilson } from '../statistics/wilson.ts';
import { meanOf, type ProblemScore, scoreProblems } from './scores.ts';

/** One evaluated policy, with its completions and their scores. */
export interface Evaluation {
  readonly stage: string;
  readonly label: string;
  readonly arm: string | null;
  readonly phase: Phase;
  readonly completions: readonly EvaluatedCompletion[];
  readonly scores: readonly ProblemScore[];
}

/**
 * How intervals are computed. `randomFor` gives each purpose its own seeded generator, so that a new row changes no
 * other.
 */
export interface Intervals {
  readonly confidence: number;
  readonly resamples: number;
  readonly randomFor: (...purpose: readonly string[]) => () => number;
}

/** An evaluation, from the name of its stage: `evaluate-base`, `astro/evaluate-rl`. Null for any other name. */
export function evaluationOf(stage: string, completions: readonly EvaluatedCompletion[]): Evaluation | null {
  const match = /^(?:(?<arm>[^/]+)\/)?evaluate-(?<phase>base|sft|rl)$/.exec(stage);
  if (match?.groups === undefined) return null;
  const { arm = null, phase } = match.groups as { arm?: string; phase: Phase };
  const label = [arm, phase === 'base' ? 'base' : phase.toUpperCase()].filter((word) => word !== null).join(' ');
  return { stage, label, arm, phase, completions, scores: scoreProblems(completions) };
}

/** Benchmarks to report: each by name, and all together (`null`) when there are several. */
export function benchmarksOf(evaluations: readonly Evaluation[]): (string | null)[] {
  const names = new Set(evaluations.flatMap(({ scores }) => scores.map(({ benchmark }) => benchmark)));
  return names.size > 1 ? [...names, null] : [...names];
}

/** The row of one policy on one benchmark. */
export function resultRow(evaluation: Evaluation, benchmark: string | null, intervals: Intervals): ResultRow {
  const { stage, label, arm, phase } = evaluation;
  const here = <T extends { benchmark: string }>(items: readonly T[]) =>
    benchmark === null ? items : items.filter((item) => item.benchmark === benchmark);
  const scores = here(evaluation.scores);
  const completions = here(evaluation.completions);
  const samples = completions.filter(({ mode }) => mode === 'sampled');
  const described = samples.length > 0 ? samples : completions;
  const greedy = scores.flatMap((score) => score.greedy ?? []);
  const greedyMade = completions.length > samples.length;
  const overProblems = (field: 'passRate' | 'majority') => {
    if (samples.length === 0) return missing(0, 'nothing was sampled');
    const values = scores.flatMap((score) => score[field] ?? []);
    const random = intervals.randomFor(stage, benchmark ?? '', field);
    return bootstrapMean(values, { confidence: intervals.confidence, resamples: intervals.resamples, random });
  };
  return {
    stage,
    label,
    arm,
    phase,
    benchmark,
    problems: scores.length,
    samplesPerProblem: samples.reduce((most, { sample }) => Math.max(most, sample + 1), 0),
    greedy: greedyMade
      ? wilson(greedy.filter((right) => right).length, greedy.length, intervals.confidence)
      : missing(0, 'greedy decoding was turned off'),
    passAt1: overProblems('passRate'),
    majority: overProblems('majority'),
    completionTokens: meanOf(described, ({ tokens }) => tokens),
    backtracks: meanOf(described, ({ backtracks }) => backtracks),
    truncated: meanOf(described, ({ finishReason }) => Number(finishReason === 'length')),
    unjudged: completions.filter(({ verdict }) => verdict === 'unjudged').length,
  };
}
