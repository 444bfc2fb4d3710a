import type { Phrases } from '../stages/domain.ts';

/**
 * A fixed phrase that a rewritten step has no business to hold: reflections, verdicts and jumps are put in by the rewriting itself, so one
 * that the policy wrote would be counted twice and would come where the trace has none.
 * @returns the phrase, or null
 */
export function leakedPhrase(phrases: Phrases, rewritten: string): string | null {
  const beginnings = Object.values(phrases).map((phrase) => phrase.split('{place}')[0]!.trim());
  return beginnings.find((beginning) => rewritten.includes(beginning)) ?? null;
}
