import { z } from 'zod';
import { line, matching, namesDiffer, path, whole } from './fields.ts';
import { locationOf } from './location.ts';
import { Name } from './names.ts';

/** Field names in the records of well-known public sets. `fields` of a problem file overrides them. */
export const LAYOUTS = {
  plain: { problem: 'problem', answer: 'answer', solution: 'solution', source: null, level: 'level' },
  math: { problem: 'problem', answer: 'answer', solution: 'solution', source: 'type', level: 'level' },
  numina: { problem: 'problem', answer: 'answer', solution: 'solution', source: 'source', level: null },
  gsm8k: { problem: 'question', answer: 'answer', solution: null, source: null, level: null },
  aops: { problem: 'problem', answer: 'answer', solution: 'solutions', source: 'source', level: null },
} as const satisfies Record<string, Record<'problem' | 'answer' | 'solution' | 'source' | 'level', string | null>>;

export const Layout = z.enum(Object.keys(LAYOUTS) as [keyof typeof LAYOUTS, ...(keyof typeof LAYOUTS)[]]);
export type Layout = z.infer<typeof Layout>;

const fieldPath = (what: string) =>
  line(200)
    .optional()
    .meta({ description: `${what} Dots select nested fields and list items: meta.level, messages.1.content.` });

/** A problem set in a file. */
export const ProblemFile = z
  .strictObject({
    name: Name.meta({ description: 'Name of the set in counts, the data card and the report.' }),
    path: path()
      .superRefine((path, check) => {
        const location = locationOf(path);
        if (location.kind !== 'refused') return;
        check.addIssue({ code: 'custom', message: location.why, params: { valueIsSecret: true } });
      })
      .meta({
        description:
          'A path below a folder that the worker allows campaigns to read (relative paths start at the project), a file:/// address of such a path, or an https:// address without user, password or query. A fetched file is cached in the store by its sha256.',
      }),
    sha256: matching(64, /^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits in lower case')
      .optional()
      .meta({ description: 'SHA-256 of the file, checked if given. Required for files that are fetched.' }),
    format: z.enum(['jsonl', 'json', 'csv', 'parquet']).optional().meta({
      description:
        'File format; by default the file extension decides. json: a list of records, or an object with such a list in its field data.',
    }),
    layout: Layout.default('plain').meta({
      description:
        'Fields of the records. math: problem, solution, level, type. numina: problem, solution, answer, source. gsm8k: question, answer (after ####). aops: problem, solutions (a list whose answers must agree). plain: problem, answer, and optionally solution and level.',
    }),
    fields: z
      .strictObject({
        problem: fieldPath('Field with the text of the problem.'),
        answer: fieldPath('Field with the reference answer, or with a text that ends with it.'),
        solution: fieldPath(
          'Field with a worked solution. Its last box is the answer if the record has no answer field.',
        ),
        id: fieldPath('Field with the id; derived from the text when not set.'),
        source: fieldPath('Field with the origin within the set. Origins are counted separately, as <name>/<origin>.'),
        level: fieldPath('Field with the difficulty. Levels are counted separately.'),
      })
      .prefault({})
      .meta({ description: 'Field names that differ from the layout.' }),
    limit: whole(1, 100_000_000).optional().meta({
      description: 'Number of records to use: the first ones after shuffling by the seed.',
    }),
  })
  .refine((file) => locationOf(file.path).kind !== 'address' || file.sha256 !== undefined, {
    path: ['sha256'],
    message: 'expected a sha256, because the file is fetched',
  });
export type ProblemFile = z.infer<typeof ProblemFile>;

const problemFiles = () =>
  z
    .array(ProblemFile)
    .max(1000)
    .refine(namesDiffer, 'expected sets with different names: they are counted and reported by name');

/** Where problems come from. */
export const Data = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('generated').meta({ description: 'The domain generates its problems from the seed.' }),
    searchProblems: whole(1, 1_000_000).meta({ description: 'Problems to search.' }),
    curriculumPrompts: whole(1, 1_000_000).meta({ description: 'Candidate prompts of the curriculum filter.' }),
    benchmarkProblems: whole(1, 1_000_000).meta({ description: 'Held-out problems of the benchmark.' }),
  }),
  z.strictObject({
    type: z.literal('files').meta({ description: 'Problem sets in files.' }),
    search: problemFiles().min(1).meta({ description: 'Sets to search.' }),
    curriculum: problemFiles()
      .default([])
      .meta({ description: 'Candidate prompts of the curriculum filter; when empty, the problems of the search.' }),
    benchmarks: problemFiles()
      .min(1)
      .meta({ description: 'Evaluation sets; their problems are removed from all other sets.' }),
    heldBack: z.number().min(0).max(0.99).default(0).meta({
      description:
        'Fraction of the search problems that only the curriculum gets, and the search does not. For campaigns whose curriculum has no sets of its own.',
      source: 'ours',
    }),
  }),
]);
export type Data = z.infer<typeof Data>;
