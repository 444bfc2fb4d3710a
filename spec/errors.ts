import type { z } from 'zod';
import type { Complaint } from './complaint.ts';
import { jsonFault } from './json-limits.ts';
import { withoutCredentials } from './location.ts';
import { boundedText, visibleText } from './text.ts';

/** Maximum number of complaints in a message. The sender of an input decides how many faults it has. *Ours*. */
const MAX_COMPLAINTS = 20;
/**
 * Maximum lengths of the name of an input, the path of a field and the message of a complaint, in UTF-16 code units.
 * *Ours*.
 */
const LENGTHS = { what: 500, field: 120, message: 300 } as const;
/** Maximum length of a value in a message, in UTF-16 code units. *Ours*. */
const VALUE_LENGTH = 80;

/**
 * Invalid input. The message lists the bad fields, one per line and each with bounded length: at most
 * {@link MAX_COMPLAINTS}, and the number of further ones. So the message has a few kB at most, whatever the input was.
 */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
  /** The complaints of the message, bounded in the same way. */
  readonly complaints: readonly Complaint[];
  /** Number of further complaints. */
  readonly omitted: number;
  constructor(what: string, complaints: readonly Complaint[]) {
    const listed = complaints.slice(0, MAX_COMPLAINTS).map(({ field, message }) => ({
      field: shownText(field, LENGTHS.field),
      message: shownText(message, LENGTHS.message),
    }));
    const omitted = complaints.length - listed.length;
    const lines = listed.map(({ field, message }) => `  ${field === '' ? '(top level)' : field}: ${message}`);
    super([`${shownText(what, LENGTHS.what)} is not valid:`, ...lines, ...omittedLines(omitted)].join('\n'));
    this.complaints = listed;
    this.omitted = omitted;
  }
}

/** The line that counts the complaints which are not listed; no line when all are listed. */
export const omittedLines = (omitted: number): string[] =>
  omitted > 0 ? [`  and ${String(omitted).replaceAll(/\B(?=(\d{3})+$)/g, ',')} more`] : [];

// The text may be megabytes long, so it is cut before it is escaped, and again after that.
const shownText = (text: string, length: number): string => boundedText(visibleText(boundedText(text, length)), length);

/**
 * Parses `value` with `schema`.
 * @param what - name of the input in the error
 * @throws InvalidInputError that names the bad fields, with the expected and the actual value of each
 */
export function parseOrRefuse<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    what,
    parsed.error.issues.filter(isRelevant).flatMap((issue) => complaintsOf(issue, value)),
  );
}

/**
 * False for an issue that follows a wrong type of the same field: zod also reports the length of a value of the wrong
 * type.
 */
function isRelevant(issue: z.core.$ZodIssue, index: number, issues: readonly z.core.$ZodIssue[]): boolean {
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
  // The value may hold a password, so only the message of the check is shown.
  const isSecret = issue.code === 'custom' && issue.params?.valueIsSecret === true;
  if (isSecret) return [{ field: at(issue.path), message: issue.message }];
  // The value comes last in the message, so the expectation is cut to leave room for it.
  const expected = boundedText(expectationOf(issue), LENGTHS.message - VALUE_LENGTH - ', but got '.length);
  return [{ field: at(issue.path), message: `${expected}, but got ${shownValue(came)}` }];
}

/**
 * What was expected, in the form `expected …` for every kind of check. Some messages of zod begin with another prefix.
 */
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

/**
 * Describes a value in a message: as JSON if that is short, otherwise cut or only by its type. Addresses are shown
 * without credentials.
 */
export function shownValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string')
    return boundedText(JSON.stringify(boundedText(withoutCredentials(value), VALUE_LENGTH)), VALUE_LENGTH);
  if (typeof value !== 'object' || value === null) return boundedText(String(value), VALUE_LENGTH);
  // The size is checked first: JSON.stringify recurses into any depth and writes any length.
  if (jsonFault(value, { bytes: VALUE_LENGTH, depth: 4 }) === null) {
    return JSON.stringify(value, (_, one: unknown) => (typeof one === 'string' ? withoutCredentials(one) : one));
  }
  return Array.isArray(value) ? `a list of ${value.length}` : 'a mapping';
}
