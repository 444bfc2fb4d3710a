import { createHash } from 'node:crypto';

/** TeX that changes only the appearance, and delimiters of mathematics. */
const LOOKS =
  /\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|text|textbf|textit|mathrm|mathbf|mathit|operatorname|quad|qquad|limits|nolimits)(?![a-zA-Z])|\\[,;:!>[\]()]/g;

/**
 * Words and numbers of a problem, in order, for its n-grams. Compatibility characters are unified (NFKC), and capitals
 * and signs are dropped, so typography and TeX style make no difference. *Ours*.
 */
export const wordsOf = (text: string): string[] =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(LOOKS, ' ')
    .match(/\p{L}+|\p{N}+/gu) ?? [];

/**
 * The numbers among words, in order. Two problems with different numbers are different problems, however alike they
 * are.
 */
export const numbersOf = (words: readonly string[]): string => words.filter((word) => /^\p{N}/u.test(word)).join(' ');

/** A 32-bit hash of a text (FNV-1a), the same on every machine. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mixed(hash);
}

/** Spreads the bits of a number over all 32 bits (the finaliser of MurmurHash3). */
export function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * Hashes of all runs of `n` words, in the order of the text. A shorter text has one hash, of all its words.
 * @returns `[max(1, words - n + 1)]` numbers of 32 bits; none for a text without words
 */
export function ngramsOf(words: readonly string[], n: number): Uint32Array {
  if (words.length === 0) return new Uint32Array(0);
  const size = Math.min(n, words.length);
  const hashes = words.map(hashOf);
  return Uint32Array.from({ length: words.length - size + 1 }, (_, from) => {
    let hash = size;
    for (let at = from; at < from + size; at += 1) hash = Math.imul(hash, 0x01000193) + (hashes[at] as number);
    return mixed(hash);
  });
}

/**
 * Length of the longest common subsequence of two lists of words. Takes time proportional to the product of their
 * lengths.
 */
export function commonWords(one: readonly string[], other: readonly string[]): number {
  let before = new Uint16Array(other.length + 1);
  let row = new Uint16Array(other.length + 1);
  for (const word of one) {
    for (let at = 0; at < other.length; at += 1) {
      row[at + 1] =
        word === other[at] ? (before[at] as number) + 1 : Math.max(before[at + 1] as number, row[at] as number);
    }
    [before, row] = [row, before];
  }
  return before[other.length] as number;
}

/** The form in which two equal problems are equal texts. Unlike {@link wordsOf} it keeps signs. *Ours*. */
export const normalised = (problem: string): string =>
  problem.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase();

/** Id of a problem without one. Equal texts have equal ids, in whichever file they are. */
export const idOfText = (source: string, problem: string): string =>
  `${source}-${createHash('sha256').update(normalised(problem)).digest('hex').slice(0, 12)}`;
