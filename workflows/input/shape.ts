import { boundedText, type Complaint, InvalidInputError, shownValue } from '../../spec/index.ts';
import { Unreadable } from './unreadable.ts';

/**
 * Parser of an input of a workflow: takes an unknown value and returns a new value of a known shape that holds only
 * known fields. A parser never reads a value deeper than its own shape. Workflows use these small parsers and not zod,
 * because each workflow execution loads its whole bundle.
 */
export type Shape<T> = (value: unknown, at: string) => T;

/** A value does not have the expected shape. */
class WrongShape extends Error {
  readonly complaint: Complaint;
  constructor(field: string, expected: string, value: unknown) {
    const came = value instanceof Unreadable ? value.reason : shownValue(value);
    super(expected);
    this.complaint = { field, message: `expected ${expected}, but got ${came}` };
  }
}

/**
 * @param what - name of the input for the error message
 * @throws InvalidInputError names the first wrong field, what was expected and what came
 */
export function parseShape<T>(shape: Shape<T>, value: unknown, what: string): T {
  try {
    return shape(value, '');
  } catch (error) {
    throw error instanceof WrongShape ? new InvalidInputError(what, [error.complaint]) : error;
  }
}

/** A shape defined by a test. */
const when =
  <T>(expected: string, holds: (value: unknown) => value is T): Shape<T> =>
  (value, at) => {
    if (!holds(value)) throw new WrongShape(at, expected, value);
    return value;
  };

/** An identifier: used unchanged, or refused. */
export const text = (longest: number, pattern?: RegExp, expected = `text of at most ${longest} characters`) =>
  when(
    expected,
    (value): value is string =>
      typeof value === 'string' && value.length <= longest && value.isWellFormed() && (pattern?.test(value) ?? true),
  );

/** A text for people: cut to a bounded length and made well-formed. */
export const displayText =
  (longest: number): Shape<string> =>
  (value, at) =>
    boundedText(isText(value, at), longest);
const isText: Shape<string> = when('text', (value) => typeof value === 'string');

export const flag: Shape<boolean> = when('true or false', (value) => typeof value === 'boolean');

/**
 * Largest count or amount. Far above real values, and small enough that sums over all stages of a campaign stay exact
 * or finite. *Ours*.
 */
const MOST = 1e12;
const numberWithin = (expected: string, integer: boolean, least: number, most: number): Shape<number> =>
  when(
    expected,
    (value): value is number =>
      typeof value === 'number' && value >= least && value <= most && (!integer || Number.isSafeInteger(value)),
  );
/** A whole number of at least `least`. */
export const count = (least = 0): Shape<number> =>
  numberWithin(`a whole number from ${least} to ${MOST}`, true, least, MOST);
export const whole: Shape<number> = numberWithin('a whole number', true, -MOST, MOST);
export const amount: Shape<number> = numberWithin(`a number from 0 to ${MOST}`, false, 0, MOST);
export const finite: Shape<number> = numberWithin('a number', false, -Number.MAX_VALUE, Number.MAX_VALUE);

/** A time in UTC: `2026-01-31T12:00:00Z`, with or without a fraction of a second. The date must exist. */
export const moment: Shape<string> = when(
  'a time like 2026-01-31T12:00:00Z',
  (value): value is string =>
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value) &&
    !Number.isNaN(Date.parse(value)) &&
    new Date(value).toISOString().startsWith(value.slice(0, 10)),
);

/** One of the keys of a table. */
export const oneOf = <T extends string>(table: Readonly<Record<T, unknown>>): Shape<T> =>
  when(
    `one of ${Object.keys(table).join(', ')}`,
    (value): value is T => typeof value === 'string' && Object.hasOwn(table, value),
  );

export const nullable =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value, at) =>
    value === null ? null : shape(value, at);

/** A field that may be missing. @param absent - its value then */
export const optional =
  <T, D>(shape: Shape<T>, absent: D): Shape<T | D> =>
  (value, at) =>
    value === undefined ? absent : shape(value, at);

export const list =
  <T>(shape: Shape<T>, longest: number): Shape<T[]> =>
  (value, at) => {
    const items = when(
      `a list of at most ${longest}`,
      (it): it is unknown[] => Array.isArray(it) && it.length <= longest,
    );
    return items(value, at).map((item, index) => shape(item, under(at, String(index))));
  };

const isMapping = when(
  'an object',
  (value): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Unreadable),
);

/** An object whose fields all have the same shape. */
export const record =
  <K extends string, T>(key: Shape<K>, shape: Shape<T>, most: number): Shape<Record<K, T>> =>
  (value, at) => {
    const entries = Object.entries(isMapping(value, at));
    if (entries.length > most) throw new WrongShape(at, `at most ${most} fields`, value);
    const read = entries.map(([name, item]) => [key(name, under(at, name)), shape(item, under(at, name))] as const);
    return Object.fromEntries(read) as Record<K, T>;
  };

/**
 * An object with known fields.
 * @param others - what happens to unknown fields. `refused`: an error, for input that a person sends. `dropped`: left
 *   out, for input that a newer version of this program may send
 */
export const fields =
  <T extends object>(shapes: { readonly [K in keyof T]-?: Shape<T[K]> }, others: 'refused' | 'dropped'): Shape<T> =>
  (value, at) => {
    const mapping = isMapping(value, at);
    const unknown = Object.keys(mapping).find((name) => !Object.hasOwn(shapes, name));
    if (unknown !== undefined && others === 'refused') {
      const known = Object.keys(shapes).join(', ');
      throw new WrongShape(at, known === '' ? 'nothing' : `an object with the field ${known} alone`, mapping);
    }
    const read = (Object.keys(shapes) as (keyof T & string)[]).flatMap((name) => {
      const field = shapes[name](Object.hasOwn(mapping, name) ? mapping[name] : undefined, under(at, name));
      return field === undefined ? [] : [[name, field] as const];
    });
    return Object.fromEntries(read) as T;
  };

const under = (at: string, name: string): string => (at === '' ? name : `${at}.${name}`);
