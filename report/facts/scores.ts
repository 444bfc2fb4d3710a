import type { EvaluatedCompletion } from '../../spec/records.ts';
import { majorityRight } from '../statistics/majority.ts';

/**
 * The scores of one policy on one problem. Completions that the verifier could not judge are in no score. `null` means
 * that none was judged, which differs from wrong.
 */
export interface ProblemScore {
  readonly benchmark: string;
  readonly problemId: string;
  readonly greedy: boolean | null;
  /** Share of the judged samples that are right, in [0, 1]. */
  readonly passRate: number | null;
  /** Probability in [0, 1] that the most frequent answer of the judged samples is right. */
  readonly majority: number | null;
  /** Mean backtracks per sample; null without samples. */
  readonly backtracks: number | null;
}

/** Scores by problem, in order of first appearance. */
export function scoreProblems(completions: readonly EvaluatedCompletion[]): ProblemScore[] {
  const byProblem = Map.groupBy(completions, ({ benchmark, problemId }) => JSON.stringify([benchmark, problemId]));
  return [...byProblem.values()].map(scoreOf);
}

function scoreOf(completions: readonly EvaluatedCompletion[]): ProblemScore {
  const { benchmark, problemId } = completions[0] as EvaluatedCompletion; // groups are never empty
  const greedy = completions.find(({ mode, verdict }) => mode === 'greedy' && verdict !== 'unjudged');
  const samples = completions.filter(({ mode }) => mode === 'sampled');
  const votes = samples
    .filter(({ verdict }) => verdict !== 'unjudged')
    .map(({ answer, verdict }) => ({ answer, right: verdict === 'right' }));
  return {
    benchmark,
    problemId,
    greedy: greedy === undefined ? null : greedy.verdict === 'right',
    passRate: votes.length === 0 ? null : votes.filter(({ right }) => right).length / votes.length,
    majority: votes.length === 0 ? null : majorityRight(votes),
    backtracks: meanOf(samples, ({ backtracks }) => backtracks),
  };
}

/** Mean of a field; null for an empty list. */
export function meanOf<T>(items: readonly T[], field: (item: T) => number): number | null {
  return items.length === 0 ? null : items.reduce((sum, item) => sum + field(item), 0) / items.length;
}
