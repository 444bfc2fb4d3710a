import type { FaultyRewrite, StepToRewrite } from '../domain.ts';

/**
 * Words that judge a solution or turn back in it. `right` and `true` are not listed, because triangles are right and
 * statements are true.
 */
const JUDGING =
  /\b(?:in)?correct(?:ly)?\b|\bwrong(?:ly)?\b|\bmist(?:ake|aken|akes|akenly)\b|\berror(?:s|neous)?\b|\b(?:go|going|went|start|starting) (?:back|over|again)\b|\brestart(?:ing)?\b|\bwait\b/gi;

/**
 * Finds a judgement in the policy's own words. The verdict comes after the reflection, so a step of a wrong branch that
 * calls itself wrong would give it away. Words that the original step has too are allowed (*ours*).
 */
export function leakedVerdict({ step }: Pick<StepToRewrite, 'step'>, rewritten: string): FaultyRewrite | null {
  const own = new Set(judgingWords(step));
  const leaked = judgingWords(rewritten).find((word) => !own.has(word));
  return leaked === undefined ? null : { reason: 'verdict', detail: `it judges: "${leaked}"` };
}

const judgingWords = (text: string): string[] => (text.match(JUDGING) ?? []).map((word) => word.toLowerCase());
