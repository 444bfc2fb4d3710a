import type { Counts } from '../../spec/manifest.ts';
import type { SelfEvaluation } from '../../spec/records.ts';

/** Below this value most rollouts from the same reasoning fail, so a right answer there looks like luck. *Ours*. */
const LOW_VALUE = 0.5;

/**
 * Counts what self-evaluation rejected, and how often the rejection seems justified.
 *
 * Every solution here has the right answer, so the verifier cannot say whether a rejection was justified. The search
 * knows the value of the reasoning before the answer: rollouts from a sound state come out right, and rollouts from a
 * lost state come out right by luck. A rejection is justified (`rejectedOfLowValue`) when fewer than half of them were
 * right.
 *
 * This measures the state before the answer, by a few rollouts of the same policy. Sound reasoning that the policy
 * cannot finish counts as luck, and a wrong step that does not change the answer is not noticed.
 */
export function selfEvaluationCounts(evaluations: readonly SelfEvaluation[]): Counts {
  const asked = evaluations.filter(({ times }) => times > 0);
  const of = (accepted: boolean, value: (value: number | null) => boolean) =>
    asked.filter((one) => one.accepted === accepted && value(one.value)).length;
  const isLow = (value: number | null) => value !== null && value < LOW_VALUE;
  const isHigh = (value: number | null) => value !== null && value >= LOW_VALUE;
  return {
    rightSolutions: evaluations.length,
    selfEvaluated: asked.length,
    rejectedBySelfEvaluation: asked.filter(({ accepted }) => !accepted).length,
    rejectedByAll: asked.filter(({ approvals }) => approvals === 0).length,
    tooLongToBeJudged: asked.filter(({ approvals }) => approvals === null).length,
    rejectedOfLowValue: of(false, isLow),
    rejectedOfHighValue: of(false, isHigh),
    acceptedOfLowValue: of(true, isLow),
    acceptedOfHighValue: of(true, isHigh),
  };
}
