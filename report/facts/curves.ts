import type { TrainingMetric } from '../../spec/records.ts';
import type { Correlation, CurvePoint, TrainingCurve } from '../report-schema.ts';
import { type Point, pearson } from '../statistics/pearson.ts';
import type { Evaluation } from './results.ts';

/**
 * The curve of a training. A resumed attempt writes the steps since its checkpoint again. For each step the latest
 * attempt counts, because the final policy descends from it.
 */
export function curveOf(metrics: readonly TrainingMetric[]): CurvePoint[] {
  const latest = new Map<number, TrainingMetric>();
  for (const metric of metrics) {
    const known = latest.get(metric.optimizerStep);
    if (known === undefined || metric.attempt >= known.attempt) latest.set(metric.optimizerStep, metric);
  }
  return [...latest.values()]
    .toSorted((a, b) => a.optimizerStep - b.optimizerStep)
    .map(({ optimizerStep, loss, reward, completionTokens, backtracks }) => ({
      optimizerStep,
      loss,
      reward: reward ?? null,
      completionTokens: completionTokens ?? null,
      backtracks: backtracks ?? null,
    }));
}

const NAMES = { x: 'backtracks', y: 'accuracies' };

/** Correlation of backtracks per completion and mean reward over the optimizer steps of RL. */
export function correlationOverSteps(curve: TrainingCurve & { arm: string }, confidence: number): Correlation {
  const names = { ...NAMES, y: 'rewards' };
  return { arm: curve.arm, over: 'rl-steps', r: pearson(backtracksAndReward(curve), confidence, names) };
}

/** Points of the scatter plot, one for each optimizer step: x is backtracks per completion, y the mean reward. */
export const backtracksAndReward = ({ points }: Pick<TrainingCurve, 'points'>): Point[] =>
  points.flatMap(({ backtracks, reward }): Point[] =>
    backtracks === null || reward === null ? [] : [[backtracks, reward]],
  );

/** Correlation of mean backtracks and pass rate over the benchmark problems, for the policy after RL. */
export function correlationOverProblems(evaluation: Evaluation & { arm: string }, confidence: number): Correlation {
  const points = evaluation.scores.flatMap(({ backtracks, passRate }): Point[] =>
    backtracks === null || passRate === null ? [] : [[backtracks, passRate]],
  );
  return { arm: evaluation.arm, over: 'problems', r: pearson(points, confidence, NAMES) };
}
