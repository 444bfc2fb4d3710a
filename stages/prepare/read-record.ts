import { LAYOUTS, type ProblemFile } from '../../spec/data.ts';
import { answerOfField, answerOfSolution, type Found } from './answers.ts';

/** Where the parts of a problem are in a record: dotted paths, or null for parts that do not exist. */
export type Fields = Readonly<Record<'problem' | 'answer' | 'solution' | 'id' | 'source' | 'level', string | null>>;

/** Fields of the layout, overridden by those that the file names itself. */
export const fieldsOf = ({ layout, fields }: Pick<ProblemFile, 'layout' | 'fields'>): Fields => ({
  id: null,
  ...LAYOUTS[layout],
  ...Object.fromEntries(Object.entries(fields).filter(([, path]) => path !== undefined)),
});

/** Top-level fields that the paths need. */
export const columnsOf = (fields: Fields): string[] =>
  Object.values(fields).flatMap((path) => (path === null ? [] : [path, path.split('.')[0] ?? path]));

/** The content of a record. `origin` and `level` are read from bad records too, if they are there. */
export interface ReadRecord {
  readonly origin: string | null;
  readonly level: string | null;
  readonly outcome:
    | {
        readonly kind: 'problem';
        readonly id: string | null;
        readonly problem: string;
        readonly reference: string;
        readonly others: readonly string[];
      }
    /** A field is missing, so the record is not a problem. */
    | { readonly kind: 'bad'; readonly fault: string }
    /** A problem whose answer cannot be found. */
    | { readonly kind: 'unanswered'; readonly problem: string; readonly fault: string };
}

/**
 * Reads a record. The answer field comes before the solution field. A field may be a list (posts of a forum), whose
 * answers must agree: the first is the reference; differently written ones are `others`, which the verifier compares.
 * Pure.
 */
export function readRecord(value: unknown, fields: Fields): ReadRecord {
  const one = (path: string | null) => (path === null ? null : (textsAt(value, path)[0] ?? null));
  const [origin, level] = [one(fields.source), levelOf(one(fields.level))];
  const problem = one(fields.problem);
  if (problem === null) return { origin, level, outcome: { kind: 'bad', fault: `there is no "${fields.problem}"` } };
  const answers = fields.answer === null ? [] : textsAt(value, fields.answer).map(answerOfField);
  const solutions =
    answers.length > 0 || fields.solution === null ? [] : textsAt(value, fields.solution).map(answerOfSolution);
  const found = [...answers, ...solutions];
  const [first] = found;
  if (first === undefined) {
    const wanted = [fields.answer, fields.solution].filter((path) => path !== null).map((path) => `"${path}"`);
    return { origin, level, outcome: { kind: 'bad', fault: `there is no ${wanted.join(' and no ')}` } };
  }
  const texts = [...new Set(found.flatMap((one: Found) => ('answer' in one ? [one.answer] : [])))];
  const [reference, ...others] = texts;
  if (reference === undefined) {
    const fault = 'fault' in first ? first.fault : 'there is no answer';
    return { origin, level, outcome: { kind: 'unanswered', problem, fault } };
  }
  return { origin, level, outcome: { kind: 'problem', id: one(fields.id), problem, reference, others } };
}

/**
 * Texts at a dotted path: none, one, or those of a list. Numbers count as texts. A field may have a dot in its own
 * name.
 */
function textsAt(value: unknown, path: string): string[] {
  const found = valueAt(value, path);
  return (Array.isArray(found) ? found : [found]).flatMap((item) => {
    if (typeof item !== 'string' && typeof item !== 'number' && typeof item !== 'bigint') return [];
    const text = String(item).trim();
    return text === '' ? [] : [text];
  });
}

function valueAt(value: unknown, path: string): unknown {
  const inside = (from: unknown, name: string) =>
    typeof from === 'object' && from !== null && Object.hasOwn(from, name)
      ? (from as Record<string, unknown>)[name]
      : undefined;
  return inside(value, path) ?? path.split('.').reduce(inside, value);
}

/** The level without its label: MATH writes `Level 5`, other sets write 5. */
const levelOf = (text: string | null): string | null => text?.replace(/^level\s+/i, '') ?? null;
