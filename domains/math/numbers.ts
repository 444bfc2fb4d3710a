import type { FaultyRewrite, StepToRewrite } from '../domain.ts';

/**
 * Numbers of a rewritten step, held against those that it may have.
 *
 * *Lost*: a number of the step that the rewritten step lacks. *Invented*: one of the rewritten step that neither the step, nor the problem, nor
 * the text so far has. Numbers are compared by value, so that another spelling is the same number: `1,000`, `1{,}000` and `1000`; `0.50` and
 * `.5`; `20\\%` and `0.2`. What follows from known numbers by arithmetic is invented all the same (*ours*): to put a step into prose takes no
 * calculation, and nobody has judged that one. Numbers in words are not looked at.
 * @returns null where there is neither
 */
export function faultOfNumbers({ problem, written, step }: StepToRewrite, rewritten: string): FaultyRewrite | null {
  const came = numbersIn(rewritten);
  const kept = valuesOf(came);
  const lost = numbersIn(step).find(({ readings }) => !isAmong(readings, kept));
  if (lost !== undefined) return { reason: 'numbers', detail: `it has lost the number ${lost.text}` };
  const known = valuesOf([problem, written, step].flatMap(numbersIn));
  const invented = came.find(({ readings }) => !isAmong(readings, known));
  if (invented === undefined) return null;
  return { reason: 'invented', detail: `its number ${invented.text} comes from nowhere` };
}

/** A number as it is written, and what it may mean: each reading is values that belong together. */
interface Numeral {
  readonly text: string;
  readonly readings: readonly (readonly number[])[];
}

const NUMERAL = /(?:\d+(?:(?:,|\{,\}|\\[,!])\d{3})*(?:\.\d+)?|\.\d+)(?:\s*\\?%)?/g;
/** Macros whose arguments may be single digits without braces: `\\frac12` is 1 and 2. */
const BARE_ARGUMENTS = /\\([dt]?frac|binom|sqrt)\s*(\d)(\d)?/g;

function numbersIn(text: string): Numeral[] {
  const spelt = text.replaceAll(BARE_ARGUMENTS, (_, macro: string, first: string, second?: string) =>
    ['\\', macro, `{${first}}`, second === undefined ? '' : macro === 'sqrt' ? second : `{${second}}`].join(''),
  );
  return (spelt.match(NUMERAL) ?? []).map((numeral) => {
    const digits = numeral.replace(/\s*\\?%$/, '');
    const isPercent = digits !== numeral;
    // `(1,200)` is a pair as well as a thousand and two hundred.
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
/** A percentage divided by 100 has other last bits than the decimal. */
const rounded = (value: number): string => value.toPrecision(12);
