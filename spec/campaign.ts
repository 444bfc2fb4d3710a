import { z } from 'zod';
import { Assumptions } from './assumptions.ts';
import { CAMPAIGN_RULES } from './campaign-rules.ts';
import { InvalidInputError, parseOrRefuse } from './errors.ts';
import { line, matching, namesDiffer, path, prose, whole, withRules } from './fields.ts';
import { type JsonLimits, jsonFault } from './json-limits.ts';
import { locationOf, withoutCredentials } from './location.ts';
import { STAGE_CONFIGS, searchTraces, selfEvaluations, WrongBranches } from './stages/index.ts';

/** A name that is valid within a path, a label and a workflow id. */
export const Name = matching(
  48,
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  'expected lower-case letters, digits and "-", starting and ending with a letter or digit',
);

/** Id of a campaign: its workflow id, and a folder of the store. */
export const CampaignId = matching(
  128,
  /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  'expected letters, digits, ".", "_" and "-", starting with a letter or digit',
);

/** Name of a model. It is an argument of vLLM and a Temporal search attribute, which most databases limit to 255 characters. */
const ModelName = matching(
  200,
  /^[A-Za-z0-9][A-Za-z0-9 ._/:@+-]*$/,
  'expected letters, digits, blanks and . _ / : @ + -, starting with a letter or digit',
);

/** The domain: a folder of `domains/` with prompts, step parser, phrases and verifier. */
export const DomainRef = z.strictObject({
  name: Name.meta({ description: 'Folder of domains/ with everything that belongs to the subject.' }),
  settings: z
    .record(z.string().max(64), z.json())
    .default({})
    .meta({ description: 'Settings of the domain, which its folder documents and checks.' }),
});
export type DomainRef = z.infer<typeof DomainRef>;

/** The model that searches, and that the training of every arm starts from. */
export const Policy = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('pretrain').meta({ description: 'Train a small stand-in from scratch (stage pretrain).' }),
    name: Name.default('tiny').meta({ description: 'Name of the model in the UI and the report.' }),
  }),
  z.strictObject({
    type: z.literal('pretrained').meta({ description: 'Start from existing weights.' }),
    name: ModelName.meta({ description: 'Name of the model, for example meta-llama/Llama-3.1-70B-Instruct.' }),
    uri: path()
      .superRefine((uri, check) => {
        if (withoutCredentials(uri) === uri) return;
        const message = 'expected a folder, or an address without user, password, query or fragment';
        check.addIssue({ code: 'custom', message, params: { valueIsSecret: true } });
      })
      .meta({ description: 'Folder with the weights in Hugging Face layout. The path must be valid in the pods.' }),
    revision: line(200).meta({ description: 'Revision of the weights; part of every key.' }),
    chat: z.enum(['model', 'none']).default('model').meta({
      description:
        'model: a prompt is a user message in the chat template of the model, if its folder has one. none: a prompt is plain text that the model continues.',
    }),
  }),
]);
export type Policy = z.infer<typeof Policy>;

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

/** A variant to compare within the campaign. It sets how the training set is made; everything else is the same for all arms. */
export const Arm = z.strictObject({
  name: Name,
  searchTraces: searchTraces().optional().meta({
    description: 'Search traces per problem; overrides stages.linearise.searchTraces. 0 makes a Direct control arm.',
  }),
  wrongBranches: WrongBranches.optional().meta({
    description: 'k; overrides stages.linearise.wrongBranches. For an ablation of the number of backtracks.',
  }),
  merge: z
    .boolean()
    .optional()
    .meta({ description: 'Overrides stages.linearise.merge. For an ablation of the merging.' }),
  selfEvaluations: selfEvaluations().optional().meta({
    description: 'N; overrides stages.linearise.selfEvaluations. 0 is an ablation without self-evaluation.',
  }),
});
export type Arm = z.infer<typeof Arm>;

const Stages = z.strictObject(STAGE_CONFIGS).prefault({});

/** Stages of an arm after which a campaign may end, in the order of the recipe. */
export const UNTIL = ['linearise', 'rewrite', 'sft', 'curriculum', 'rl'] as const;

/** A campaign: one spec, from search to report. */
export const CampaignSpec = withRules(
  z.strictObject({
    name: Name.meta({ description: 'Name of the campaign; the default of its workflow id.' }),
    description: prose(2000).optional().meta({ description: 'Purpose of the campaign, in a sentence.' }),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(0)
      .meta({ description: 'Every random choice of the campaign derives from it.' }),
    domain: DomainRef,
    policy: Policy,
    data: Data,
    arms: z
      .array(Arm)
      .min(1)
      .max(16)
      .default([{ name: 'astro' }, { name: 'direct', searchTraces: 0 }])
      .refine(namesDiffer, 'expected arms with different names')
      .meta({ description: 'Variants to compare. The default compares a search-taught arm with a direct one.' }),
    onFailure: z.enum(['hold', 'fail']).default('hold').meta({
      description:
        'What happens when a stage has used up its attempts. hold: it waits for retryStage. fail: the campaign ends once the other arm has finished.',
    }),
    until: z.enum(UNTIL).optional().meta({
      description:
        'Last stage of every arm; when not set, all stages run. Policies are evaluated from sft on. There is always a report.',
    }),
    approveBeforeRl: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether every arm waits for the update approve before its RL.' }),
    stages: Stages,
    plan: Assumptions,
  }),
  CAMPAIGN_RULES,
);
export type CampaignSpec = z.infer<typeof CampaignSpec>;
/** A campaign spec as written by a person: fields with a default may be missing. */
export type CampaignSpecInput = z.input<typeof CampaignSpec>;

/**
 * Size limits of a campaign spec. A Temporal payload holds 2 MiB, and a history holds the spec several times: as input, at admission, and
 * after every continue-as-new. The most deeply nested field of the schema is at depth 8. *Ours*.
 */
export const SPEC_LIMITS: JsonLimits = { bytes: 256 * 1024, depth: 32 };

/**
 * Parses a campaign spec and fills in every default. The command line and the workflows both use this function.
 * @param what - name of the input in error messages
 * @throws InvalidInputError when the spec is too large, nested too deeply, not JSON, or has bad fields, which the error names
 */
export function parseCampaignSpec(value: unknown, what: string): CampaignSpec {
  const fault = jsonFault(value, SPEC_LIMITS);
  if (fault !== null) throw new InvalidInputError(what, [fault]);
  return parseOrRefuse(CampaignSpec, value, what);
}
