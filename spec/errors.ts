import type { z } from 'zod';
import type { Complaint } from './complaint.ts';
import { jsonFault } from './json-limits.ts';
import { withoutCredentials } from './location.ts';
import { boundedText, visibleText } from './text.ts';

/** Complaints that are told; more of them would not help, and whoever sent the input decides how many there are. *Ours*. */
const MOST_COMPLAINTS = 20;
/** Longest name of an input, path of a field and message of a complaint, in UTF-16 code units. *Ours*. */
const LENGTHS = { what: 500, field: 120, message: 300 } as const;
/** Longest value that a message shows, in UTF-16 code units. *Ours*. */
const SHOWN = 80;

/**
 * Input that was refused at the door. The message lists the bad fields: at most {@link MOST_COMPLAINTS} of them, each cut to a bounded length
 * and shown on one line, and how many more there are. So it is a few kB, whatever came.
 */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
  /** Those that the message tells, bounded as there. */
  readonly complaints: readonly Complaint[];
  /** How many complaints were left out. */
  readonly omitted: number;
  constructor(what: string, complaints: readonly Complaint[]) {
    const told = complaints.slice(0, MOST_COMPLAINTS).map(({ field, message }) => ({
      field: shownText(field, LENGTHS.field),
      message: shownText(message, LENGTHS.message),
    }));
    const omitted = complaints.length - told.length;
    const lines = told.map(({ field, message }) => `  ${field === '' ? '(top level)' : field}: ${message}`);
    super([`${shownText(what, LENGTHS.what)} is not valid:`, ...lines, ...omittedLines(omitted)].join('\n'));
    this.complaints = told;
    this.omitted = omitted;
  }
}

/** The line that stands for complaints that were left out; none where all are told. */
export const omittedLines = (omitted: number): string[] =>
  omitted > 0 ? [`  and ${String(omitted).replaceAll(/\B(?=(\d{3})+$)/g, ',')} more`] : [];

// Cut before it is made visible as well: the text may be megabytes long.
const shownText = (text: string, length: number): string => boundedText(visibleText(boundedText(text, length)), length);

/** Parses `value`, or throws an {@link InvalidInputError} that names the bad fields, what was expected and what came. */
export function parseOrRefuse<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    what,
    parsed.error.issues.filter(isFirstWord).flatMap((issue) => complaintsOf(issue, value)),
  );
}

/** Of a value of the wrong type only that is told: its length, which zod measures all the same, is beside the point. */
function isFirstWord(issue: z.core.$ZodIssue, index: number, issues: readonly z.core.$ZodIssue[]): boolean {
  const before = issues[index - 1];
  return before?.code !== 'invalid_type' || before.path.join('.') !== issue.path.join('.');
}

function complaintsOf(issue: z.core.$ZodIssue, root: unknown): Complaint[] {
  const at = (path: readonly PropertyKey[]) => path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: at([...issue.path, key]),
      message: 'no such field here; is it misspelt?',
    }));
  }
  const came = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    root,
  );
  // What came may hold a password: the message of this check says all that may be said.
  const isSecret = issue.code === 'custom' && issue.params?.valueIsSecret === true;
  if (isSecret) return [{ field: at(issue.path), message: issue.message }];
  // What came stands at the end: it must not be what is cut.
  const expected = boundedText(expectationOf(issue), LENGTHS.message - SHOWN - ', but got '.length);
  return [{ field: at(issue.path), message: `${expected}, but got ${shownValue(came)}` }];
}

/** What was expected, in the same words for every kind of check: zod begins some of its messages with what it calls the fault. */
function expectationOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `expected ${anyOf(issue.values)}`;
  if (issue.code === 'invalid_union' && 'options' in issue) return `expected ${anyOf(issue.options ?? [])}`;
  return issue.message
    .replace(/^(Invalid input|Too big|Too small): /, '')
    .replace(/^Invalid (string|number): must /, 'expected $1 to ')
    .replace(/, received .*$/, '');
}

/** `"a"`, `"a" or "b"`, `"a", "b" or "c"`. */
function anyOf(values: readonly unknown[]): string {
  const shown = values.map(shownValue);
  return [shown.slice(0, -1).join(', '), shown.at(-1)].filter((part) => part !== '').join(' or ');
}

/** A value as a message shows it: as JSON where that is short, else cut, or by its kind alone. Addresses are shown without credentials. */
export function shownValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string')
    return boundedText(JSON.stringify(boundedText(withoutCredentials(value), SHOWN)), SHOWN);
  if (typeof value !== 'object' || value === null) return boundedText(String(value), SHOWN);
  // Asked first: JSON.stringify follows the nesting with its own calls, and writes out whatever size there is.
  if (jsonFault(value, { bytes: SHOWN, depth: 4 }) === null) {
    return JSON.stringify(value, (_, one: unknown) => (typeof one === 'string' ? withoutCredentials(one) : one));
  }
  return Array.isArray(value) ? `a list of ${value.length}` : 'a mapping';
}
