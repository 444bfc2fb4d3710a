import type { Phrases } from './domain.ts';

/**
 * Times that a text goes back to an earlier step or restarts, counted by the fixed phrases of the domain.
 *
 * "Let's go back to where we had {place} ." is counted by what stands before the place: a place that is missing or garbled is still an
 * attempt to go back. The Python side counts alike (`Phrases.count_backtracks` of trainers/orrery_trainers/domains/phrases.py).
 * @see the ASTRO paper, analysis: backtracks per solution against accuracy
 */
export function countBacktracks(text: string, { goBack, restart }: Pick<Phrases, 'goBack' | 'restart'>): number {
  const [before = '', after = ''] = goBack.split('{place}').map((part) => part.trim());
  return occurrences(text, before === '' ? after : before) + occurrences(text, restart);
}

const occurrences = (text: string, phrase: string): number => (phrase === '' ? 0 : text.split(phrase).length - 1);
