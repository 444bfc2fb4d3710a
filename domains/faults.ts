import type { FaultyRewrite, Phrases } from './domain.ts';

/**
 * A fixed phrase that a rewritten step has no business to hold: reflections, verdicts and jumps are put in by the rewriting itself, so one
 * that the policy wrote would be counted twice and would come where the trace has none.
 */
export function leakedPhrase(phrases: Phrases, rewritten: string): FaultyRewrite | null {
  const beginnings = Object.values(phrases).map((phrase) => phrase.split('{place}')[0]!.trim());
  const leaked = beginnings.find((beginning) => rewritten.includes(beginning));
  return leaked === undefined ? null : { reason: 'phrase', detail: `it holds the phrase "${leaked}"` };
}
