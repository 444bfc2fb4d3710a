import type { z } from 'zod';

/** One thing wrong with an input: where, and what was expected and came. */
export interface Complaint {
  /** Path of the field, for example `stages.search.rollouts`; empty for the whole. */
  readonly field: string;
  readonly message: string;
}

/** Input that was refused at the door. The message lists every bad field. */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
  readonly complaints: readonly Complaint[];
  constructor(what: string, complaints: readonly Complaint[]) {
    const lines = complaints.map(({ field, message }) => `  ${field === '' ? '(top level)' : field}: ${message}`);
    super(`${what} is not valid:\n${lines.join('\n')}`);
    this.complaints = complaints;
  }
}

/** Parses `value`, or throws an {@link InvalidInputError} that names every bad field, what was expected and what came. */
export function parseOrRefuse<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    what,
    parsed.error.issues.flatMap((issue) => complaintsOf(issue, value)),
  );
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
  const shown = came === undefined ? 'nothing' : shorten(JSON.stringify(came));
  return [
    {
      field: at(issue.path),
      message: `${issue.message.replace(/^Invalid input: /, '').replace(/, received .*$/, '')}, but got ${shown}`,
    },
  ];
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text);
