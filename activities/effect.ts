import type { Counts, StageKind } from '../spec/index.ts';

/** A stage whose work had no effect. */
export interface NoEffect {
  readonly message: string;
  /** Whether nothing could be judged. The cause may then lie outside the stage, so doing the work again can help. */
  readonly isJudging: boolean;
}

/** Decides by the counts of a stage whether its work had an effect. */
type EffectCheck = (counts: Counts, config: unknown) => NoEffect | null;

// trainers/orrery_trainers/training/effect.py says the same of a training; a test compares the texts.
const SAME_RESULT = 'another attempt gives the same result';
const RESUBMIT = 'cancel the campaign and submit it again: finished stages that did not change are reused';
const FIX_VERIFIER = 'fix the verifier (docs/verifier.md), then run `orrery retry`';

/**
 * Whether all the work of a stage, over all of its parts, had no effect; null if it had one, or if its counts do not
 * say. Pure.
 * @param mayBeEmpty - no training follows, so finding nothing is a normal result. Judging nothing never is
 */
export function noEffectOf(
  { kind, config }: { readonly kind: StageKind; readonly config: unknown },
  counts: Counts,
  mayBeEmpty: boolean,
): NoEffect | null {
  const found = EFFECT_CHECKS[kind]?.(counts, config) ?? null;
  return found !== null && (found.isJudging || !mayBeEmpty) ? found : null;
}

const EFFECT_CHECKS: Partial<Record<StageKind, EffectCheck>> = {
  search: ({ solved, problems = 0, ...counts }) => {
    if (solved !== 0) return null;
    const { rollouts = 0, unjudgedRollouts = 0, timedOut = 0 } = counts;
    if (rollouts > 0 && unjudgedRollouts === rollouts) return unjudged('rollouts', rollouts, timedOut);
    return empty(
      `none of ${problems} problems was solved (${nonZero(counts, ['terminals', 'right', 'rollouts', 'unjudgedRollouts', 'endedByTokens', 'endedByDeadline'])})`,
      'take easier problems (data.search), more attempts (stages.search), or a stronger policy',
    );
  },
  linearise: ({ traces, problems = 0, ...counts }, config) => {
    if (traces !== 0) return null;
    const { selfEvaluations } = config as { selfEvaluations?: number };
    const rejected = (counts.rightSolutions ?? 0) > 0;
    return empty(
      `no trace came from ${problems} trees (${nonZero(counts, ['solved', 'rightSolutions', 'rejectedBySelfEvaluation', 'accepted'])})`,
      rejected
        ? `the policy rejected every right solution: lower selfEvaluations (${selfEvaluations}; 0 skips it) of the arm or of stages.linearise`
        : 'no tree has a right solution: the search has to solve more (data.search, stages.search)',
    );
  },
  rewrite: ({ solutions, traces = 0, ...counts }) => {
    if (solutions !== 0) return null;
    const reasons = Object.keys(counts).filter((name) => /^dropped[A-Z]/.test(name) && name !== 'droppedSolutions');
    return empty(
      `${counts.droppedSolutions ?? 0} of ${traces} solutions were dropped (${nonZero(counts, reasons)})`,
      traces === 0
        ? 'there was no trace to rewrite: linearise or the search has to find more'
        : 'raise stages.rewrite.attemptsPerStep or maxStepTokens, lower its temperature, or take a stronger policy',
    );
  },
  curriculum: ({ kept, candidates = 0, ...counts }, config) => {
    if (kept !== 0) return null;
    const { completions = 0, unjudged: notJudged = 0, timedOut = 0 } = counts;
    if (completions > 0 && notJudged === completions) return unjudged('completions', completions, timedOut);
    const { passRate } = config as { passRate?: { min: number; max: number } };
    return empty(
      `none of ${candidates} prompts was kept (${nonZero(counts, ['tooEasy', 'tooHard', 'overTarget', 'completions', 'right', 'unjudged'])})`,
      `widen stages.curriculum.passRate (${passRate?.min} to ${passRate?.max}), offer other prompts (data.curriculum), or train the policy longer before (stages.sft)`,
    );
  },
  evaluate: ({ completions, unjudged: notJudged, timedOut = 0 }) =>
    completions !== undefined && completions > 0 && notJudged === completions
      ? unjudged('completions', completions, timedOut)
      : null,
};

const empty = (what: string, change: string): NoEffect => ({
  message: `${what}; ${SAME_RESULT}: ${change}, then ${RESUBMIT}`,
  isJudging: false,
});

const unjudged = (what: string, count: number, timedOut: number): NoEffect => ({
  message: `the verifier could judge none of ${count} ${what} (${timedOut} timed out); ${FIX_VERIFIER}: everything is sampled and judged again`,
  isJudging: true,
});

/** `tooEasy 3, tooHard 57`: those of these counts that are not 0. */
function nonZero(counts: Counts, names: readonly string[]): string {
  const shown = names.flatMap((name) => (counts[name] ? [`${name} ${counts[name]}`] : []));
  return shown.length > 0 ? shown.join(', ') : 'all counts 0';
}
