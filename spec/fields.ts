import { z } from 'zod';

/**
 * Field types that many settings share. Every number, list, name and text of a spec has an upper bound, so that an
 * admitted value is safe to pass to a timer, a search attribute, a label or a path. Bounds without a source are *ours*:
 * far above any use, and harmless.
 */

/** A rule over several fields of a value. */
export interface Rule<T> {
  /** Path of the field that the error names, relative to the value. */
  readonly path: readonly string[];
  /** What the field should be, and why. */
  readonly expected: string;
  readonly holds: (value: T) => boolean;
}

/** A schema with rules over several of its fields. Errors list all rules that do not hold. */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  return rules.reduce<S>(
    (checked, { path, expected, holds }) =>
      checked.refine((value) => holds(value), { path: [...path], message: `expected ${expected}` }),
    schema,
  );
}

/** Text that matches a pattern. The length is checked first, because some patterns are slow on long texts. */
export const matching = (length: number, pattern: RegExp, expected: string) =>
  z.string().max(length, { abort: true }).regex(pattern, expected);

// Control characters and line separators would break a log line, a terminal or a path (which NUL ends).
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern refuses them
const LINE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern refuses them
const PROSE = /^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$/;
/** Text on one line. */
export const line = (length: number) =>
  matching(length, LINE, 'expected text on one line, without control characters').min(1);

/** Text of several lines. */
export const prose = (length: number) => matching(length, PROSE, 'expected text without control characters');

/**
 * Limits of a path: its length in characters, and the length of one name within it in bytes of UTF-8. Most file systems
 * allow paths of 4096 bytes.
 */
const PATH = { path: 1024, name: 255 } as const;
/** A path or an address of a file. Error messages do not show it, because it may contain a password. */
export const path = () =>
  z
    .string()
    .superRefine((text, check) => {
      const message = faultOfPath(text);
      if (message !== null)
        check.addIssue({ code: 'custom', message, params: { valueIsSecret: true }, continue: false });
    })
    .meta({ minLength: 1, maxLength: PATH.path });

function faultOfPath(text: string): string | null {
  if (text === '') return 'expected a path, but got an empty text';
  if (text.length > PATH.path) return `expected at most ${PATH.path} characters, but it has ${text.length}`;
  if (!LINE.test(text)) return 'expected text on one line, without control characters';
  if (text.split('/').every((name) => bytesOf(name) <= PATH.name)) return null;
  return `expected names of at most ${PATH.name} bytes between slashes`;
}

const bytesOf = (text: string): number =>
  [...text].reduce((sum, character) => {
    const code = character.codePointAt(0) ?? 0;
    return sum + (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
  }, 0);

/** A whole number from `least` to `most`. */
export const whole = (least: number, most: number) => z.int().min(least).max(most);

/** Tokens of a text, a completion or a context. The longest contexts of today's models hold a million. */
export const tokens = (least = 1) => whole(least, 2 ** 21);

/** Steps of an optimizer. */
export const optimizerSteps = () => whole(1, 10_000_000);

/** Items of a batch, or requests at the same time. */
export const batch = () => whole(1, 65_536);

export const fraction = () => z.number().min(0).max(1);

/** Nucleus sampling: the fraction of the probability mass to sample from. vLLM rejects 0. */
export const nucleus = () => z.number().min(0.001).max(1);

/** Lowest temperature above 0. vLLM raises lower temperatures to this one. */
const MIN_TEMPERATURE = 0.01;
/** Sampling temperature above 0. The API of OpenAI accepts temperatures up to 2. */
export const nonzeroTemperature = () => z.number().min(MIN_TEMPERATURE).max(2);
/** Sampling temperature; 0 is greedy. */
export const temperature = () =>
  z
    .number()
    .min(0)
    .max(2)
    .refine((value) => value === 0 || value >= MIN_TEMPERATURE, `expected 0 or at least ${MIN_TEMPERATURE}`);

/** Learning rate of AdamW. In single precision, a lower learning rate changes no weight. */
export const learningRate = () => z.number().min(1e-10).max(1);

const HOUR = 3600;
/** Seconds of a timer. The longest timer of Node is 24 days (2^31 ms); Temporal and Kubernetes allow longer ones. */
export const seconds = (least: number, mostHours: number) =>
  z
    .number()
    .min(least)
    .max(mostHours * HOUR);
export const wholeSeconds = (least: number, mostHours: number) => whole(least, mostHours * HOUR);

/** Whether all entries of a list have different names. */
export const namesDiffer = (entries: readonly { readonly name: string }[]): boolean =>
  new Set(entries.map(({ name }) => name)).size === entries.length;
