import { createHash } from 'node:crypto';

/**
 * The text by which two problems are the same: compatibility characters unified (NFKC), white space collapsed, in lower case. *Ours*:
 * it finds copies that differ in typography alone, and nothing looser.
 */
export const normalised = (problem: string): string =>
  problem.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase();

/** Id of a problem that came without one: equal texts have equal ids, in whichever file they stand. */
export const idOfText = (source: string, problem: string): string =>
  `${source}-${createHash('sha256').update(normalised(problem)).digest('hex').slice(0, 12)}`;
