import type { Counts } from '../../spec/manifest.ts';
import type { SelfEvaluation } from '../../spec/records.ts';

/** Below it most rollouts from the same reasoning fail: a right answer there looks like luck. *Ours*. */
const LOW_VALUE = 0.5;

/**
 * What self-evaluation rejected, and how often it seems right to have done so.
 *
 * Every solution here has the right answer, so the verifier cannot say whether a rejection was right. What the search knows is the value of
 * the reasoning before the answer: rollouts from a sound state come out right, those from a state that is lost do so by luck. A rejection
 * is *backed* where fewer than half of them were right. This measures the state before the answer and by a few rollouts of the same policy:
 * sound reasoning that it cannot finish counts as luck, and a wrong step that does no harm to the answer is not seen.
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
