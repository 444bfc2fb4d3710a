import type { FaultyRewrite, StepToRewrite } from '../domain.ts';

/** Words that judge a solution, or turn back in it. `right` and `true` are not among them: triangles and statements are. */
const JUDGING =
  /\b(?:in)?correct(?:ly)?\b|\bwrong(?:ly)?\b|\bmist(?:ake|aken|akes|akenly)\b|\berror(?:s|neous)?\b|\b(?:go|going|went|start|starting) (?:back|over|again)\b|\brestart(?:ing)?\b|\bwait\b/gi;

/**
 * A judgement in words of the policy's own. The verdict comes after the reflection, where the trace has one: a step of a wrong branch that says
 * so itself gives it away. Words that the step has already are its own (*ours*).
 */
export function leakedVerdict({ step }: Pick<StepToRewrite, 'step'>, rewritten: string): FaultyRewrite | null {
  const own = new Set(wordsOf(step));
  const leaked = wordsOf(rewritten).find((word) => !own.has(word));
  return leaked === undefined ? null : { reason: 'verdict', detail: `it judges: "${leaked}"` };
}

const wordsOf = (text: string): string[] => (text.match(JUDGING) ?? []).map((word) => word.toLowerCase());
