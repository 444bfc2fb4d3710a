import type { FaultyRewrite, Phrases } from './domain.ts';

/**
 * Finds a fixed phrase in a rewritten step. Rewriting itself inserts reflections, verdicts and jumps. One that the
 * policy wrote would count twice, in a place where the trace has none.
 */
export function leakedPhrase(phrases: Phrases, rewritten: string): FaultyRewrite | null {
  const beginnings = Object.values(phrases).map((phrase) => phrase.split('{place}')[0]!.trim());
  const leaked = beginnings.find((beginning) => rewritten.includes(beginning));
  return leaked === undefined ? null : { reason: 'phrase', detail: `it contains the phrase "${leaked}"` };
}
