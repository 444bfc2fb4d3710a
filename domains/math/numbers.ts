import type { FaultyRewrite, StepToRewrite } from '../domain.ts';

/**
 * Compares the numbers of a rewritten step with those that it may have.
 *
 * *Lost*: a number of the step that the rewritten step does not have. *Invented*: a number of the rewritten step that
 * is neither in the step, nor in the problem, nor in the text so far. Numbers are compared by value, so different
 * spellings are equal: `1,000`, `1{,}000` and `1000`; `0.50` and `.5`; `20\\%` and `0.2`. A number that follows from
 * known ones by arithmetic is invented too (*ours*): rewriting a step needs no calculation, and nobody has judged that
 * one. Numbers written as words are ignored.
 * @returns null when no number is lost or invented
 */
export function faultOfNumbers({ problem, written, step }: StepToRewrite, rewritten: string): FaultyRewrite | null {
  const came = numbersIn(rewritten);
  const kept = valuesOf(came);
  const lost = numbersIn(step).find(({ readings }) => !isAmong(readings, kept));
  if (lost !== undefined) return { reason: 'numbers', detail: `the number ${lost.text} is missing` };
  const known = valuesOf([problem, written, step].flatMap(numbersIn));
  const invented = came.find(({ readings }) => !isAmong(readings, known));
  if (invented === undefined) return null;
  return { reason: 'invented', detail: `the number ${invented.text} is new` };
}

/** A number as written, and what it may mean. The values of one reading belong together. */
interface Numeral {
  readonly text: string;
  readonly readings: readonly (readonly number[])[];
}

const NUMERAL = /(?:\d+(?:(?:,|\{,\}|\\[,!])\d{3})*(?:\.\d+)?|\.\d+)(?:\s*\\?%)?/g;
/** Macros whose arguments may be single digits without braces: `\\frac12` contains 1 and 2. */
const BARE_ARGUMENTS = /\\([dt]?frac|binom|sqrt)\s*(\d)(\d)?/g;

function numbersIn(text: string): Numeral[] {
  const spelt = text.replaceAll(BARE_ARGUMENTS, (_, macro: string, first: string, second?: string) =>
    ['\\', macro, `{${first}}`, second === undefined ? '' : macro === 'sqrt' ? second : `{${second}}`].join(''),
  );
  return (spelt.match(NUMERAL) ?? []).map((numeral) => {
    const digits = numeral.replace(/\s*\\?%$/, '');
    const isPercent = digits !== numeral;
    // `(1,200)` may be a pair of numbers or one thousand two hundred.
    const groups = digits.split(/,|\{,\}|\\[,!]/);
    const whole = Number(groups.join(''));
    const readings = [
      [whole],
      ...(groups.length > 1 ? [groups.map(Number)] : []),
      ...(isPercent ? [[whole / 100]] : []),
    ];
    return { text: numeral, readings };
  });
}

const valuesOf = (numerals: readonly Numeral[]): ReadonlySet<string> =>
  new Set(numerals.flatMap(({ readings }) => readings.flat().map(rounded)));
const isAmong = (readings: Numeral['readings'], values: ReadonlySet<string>): boolean =>
  readings.some((reading) => reading.every((value) => values.has(rounded(value))));
/** A percentage divided by 100 differs from the decimal in its last bits. */
const rounded = (value: number): string => value.toPrecision(12);
