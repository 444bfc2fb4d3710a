import { z } from 'zod';

/**
 * Kinds of fields that many settings share. Every number, list, name and text of a spec has an upper bound, so that whatever was admitted can
 * be handed on: to a timer, a search attribute, a label, a path. Bounds without a source are *ours*: far above any use, far below harm.
 */

/** What a field says that the spec reads from a person. */
interface Rule<T> {
  /** The field that is named; within the value that the rule looks at. */
  readonly path: readonly string[];
  /** What was expected, and why. */
  readonly expected: string;
  readonly holds: (value: T) => boolean;
}

/** A schema with rules over several of its fields. All that are broken are told. */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  return rules.reduce<S>(
    (checked, { path, expected, holds }) =>
      checked.refine((value) => holds(value), { path: [...path], message: `expected ${expected}` }),
    schema,
  );
}

/** For rules that are written apart from their schema. */
export type RuleOf<T> = Rule<T>;

/** Text of a pattern. A longer one is not matched at all: some patterns take long on long texts. */
export const matching = (length: number, pattern: RegExp, expected: string) =>
  z.string().max(length, { abort: true }).regex(pattern, expected);

// No control characters, no separators of lines: such a text would break a log line, a terminal or a path (NUL ends it).
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const LINE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const PROSE = /^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$/;
/** Text on one line. */
export const line = (length: number) =>
  matching(length, LINE, 'expected text on one line, without control characters').min(1);

/** Text of several lines. */
export const prose = (length: number) => matching(length, PROSE, 'expected text without control characters');

/** Longest path, and longest name within one, in bytes of UTF-8; of a path most file systems take four times as much. */
const PATH = { path: 1024, name: 255 } as const;
/** A path or an address of a file. It may hold a password, so that a complaint does not show it. */
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

/** Tokens of a text, a completion or a context. The longest contexts there are hold a million. */
export const tokens = (least = 1) => whole(least, 2 ** 21);

/** Steps of an optimizer. */
export const optimizerSteps = () => whole(1, 10_000_000);

/** Items of a batch, or requests at the same time. */
export const batch = () => whole(1, 65_536);

export const fraction = () => z.number().min(0).max(1);

/** Share of the probability that a sampling draws from. vLLM takes none at 0. */
export const nucleus = () => z.number().min(0.001).max(1);

/** Lowest temperature but 0, as vLLM has it: what is lower it raises to this. */
const COLDEST = 0.01;
/** Sampling temperature that is not greedy. OpenAI's API takes up to 2. */
export const warmTemperature = () => z.number().min(COLDEST).max(2);
/** Sampling temperature; 0 is greedy. */
export const temperature = () =>
  z
    .number()
    .min(0)
    .max(2)
    .refine((value) => value === 0 || value >= COLDEST, `expected 0 or a number not below ${COLDEST}`);

/** Learning rate of AdamW. In single precision a lower one changes no weight. */
export const learningRate = () => z.number().min(1e-10).max(1);

const HOUR = 3600;
/** Seconds of a timer. Timers of Node hold 24 days (2^31 ms), those of Temporal and Kubernetes more. */
export const seconds = (least: number, mostHours: number) =>
  z
    .number()
    .min(least)
    .max(mostHours * HOUR);
export const wholeSeconds = (least: number, mostHours: number) => whole(least, mostHours * HOUR);

/** Whether no two entries of a list have the same name. */
export const namesDiffer = (entries: readonly { readonly name: string }[]): boolean =>
  new Set(entries.map(({ name }) => name)).size === entries.length;
