import type { Phrases } from './domain.ts';

/**
 * Counts how often a text goes back to an earlier step or restarts, by the fixed phrases of the domain.
 *
 * "Let's go back to where we had {place} ." is counted by the words before the place, because a missing or garbled
 * place is still an attempt to go back. The Python side counts in the same way (`Phrases.count_backtracks` of
 * trainers/orrery_trainers/domains/phrases.py).
 * @see the ASTRO paper, analysis: backtracks per solution against accuracy
 */
export function countBacktracks(text: string, { goBack, restart }: Pick<Phrases, 'goBack' | 'restart'>): number {
  const [before = '', after = ''] = goBack.split('{place}').map((part) => part.trim());
  return occurrences(text, before === '' ? after : before) + occurrences(text, restart);
}

const occurrences = (text: string, phrase: string): number => (phrase === '' ? 0 : text.split(phrase).length - 1);
