import { z } from 'zod';
import { Assumptions } from './assumptions.ts';
import { CAMPAIGN_RULES } from './campaign-rules.ts';
import { InvalidInputError, parseOrRefuse } from './errors.ts';
import { line, matching, namesDiffer, path, prose, whole, withRules } from './fields.ts';
import { type JsonLimits, jsonFault } from './json-limits.ts';
import { locationOf, withoutCredentials } from './location.ts';
import { STAGE_CONFIGS, searchTraces, selfEvaluations, WrongBranches } from './stages/index.ts';

/** A name that may be part of a path, a label and a workflow id. */
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

/** What a model is called: an argument of vLLM, and a search attribute of Temporal, whose keywords hold 255 characters in most databases. */
const ModelName = matching(
  200,
  /^[A-Za-z0-9][A-Za-z0-9 ._/:@+-]*$/,
  'expected letters, digits, blanks and . _ / : @ + -, starting with a letter or digit',
);

/** The subject: a folder of `domains/` holding prompts, step parser, phrases and verifier. */
export const DomainRef = z.strictObject({
  name: Name.meta({ description: 'Folder of domains/ that holds everything that belongs to the subject.' }),
  settings: z
    .record(z.string().max(64), z.json())
    .default({})
    .meta({ description: 'Settings of the domain itself; its folder says which there are, and checks them.' }),
});
export type DomainRef = z.infer<typeof DomainRef>;

/** The model that is searched with, and from which every arm starts. */
export const Policy = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('pretrain').meta({ description: 'Train a small stand-in from scratch (stage pretrain).' }),
    name: Name.default('tiny').meta({ description: 'What the model is called in the UI and the report.' }),
  }),
  z.strictObject({
    type: z.literal('pretrained').meta({ description: 'Start from weights that exist.' }),
    name: ModelName.meta({ description: 'What the model is called, for example meta-llama/Llama-3.1-70B-Instruct.' }),
    uri: path()
      .superRefine((uri, check) => {
        if (withoutCredentials(uri) === uri) return;
        const message = 'expected a folder, or an address without user, password, query and fragment';
        check.addIssue({ code: 'custom', message, params: { valueIsSecret: true } });
      })
      .meta({ description: 'Folder with the weights in Hugging Face layout, as the pods see it.' }),
    revision: line(200).meta({ description: 'Revision of the weights; part of every key.' }),
    chat: z.enum(['model', 'none']).default('model').meta({
      description:
        'Prompts are messages of a user, in the chat template of the model where its folder has one (model), or plain text that the model goes on with (none).',
    }),
  }),
]);
export type Policy = z.infer<typeof Policy>;

/** How the records of a known public set are laid out. Tells the fields, unless `fields` does. */
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
    .meta({ description: `${what} A dot leads into a nested field or a list: meta.level, messages.1.content.` });

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
          'A path below a folder that the worker lets campaigns read (relative ones start at the project), a file:/// address of one, or an https:// address without user, password and query. What is fetched is kept in the store by its sha256.',
      }),
    sha256: matching(64, /^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits in lower case')
      .optional()
      .meta({ description: 'SHA-256 of the file: checked where it is given, and required of what is fetched.' }),
    format: z.enum(['jsonl', 'json', 'csv', 'parquet']).optional().meta({
      description:
        'Told by the ending of the path when left out. json: a list of records, or an object that holds one as data.',
    }),
    layout: Layout.default('plain').meta({
      description:
        'Which fields there are: math (problem, solution, level, type), numina (problem, solution, answer, source), gsm8k (question, answer after ####), aops (problem, solutions: a list that has to agree), or plain (problem, answer, and solution, level where they are there).',
    }),
    fields: z
      .strictObject({
        problem: fieldPath('Field with the text of the problem.'),
        answer: fieldPath('Field with the reference answer, or with a text that ends in it.'),
        solution: fieldPath(
          'Field with a worked solution, whose last box is the answer where there is no answer field.',
        ),
        id: fieldPath('Field with the id; made of the text when not set.'),
        source: fieldPath('Field with the origin within the set: counted apart, as <name>/<origin>.'),
        level: fieldPath('Field with the difficulty: counted apart.'),
      })
      .prefault({})
      .meta({ description: 'Fields that differ from those of the layout.' }),
    limit: whole(1, 100_000_000).optional().meta({ description: 'Use the first so many after shuffling by the seed.' }),
  })
  .refine((file) => locationOf(file.path).kind !== 'address' || file.sha256 !== undefined, {
    path: ['sha256'],
    message: 'expected the sha256 of a file that is fetched',
  });
export type ProblemFile = z.infer<typeof ProblemFile>;

const problemFiles = () =>
  z
    .array(ProblemFile)
    .max(1000)
    .refine(namesDiffer, 'expected names of sets that differ: they are counted and reported by name');

/** Where problems come from. */
export const Data = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('generated').meta({ description: 'The domain makes its problems from the seed.' }),
    searchProblems: whole(1, 1_000_000).meta({ description: 'Problems searched.' }),
    curriculumPrompts: whole(1, 1_000_000).meta({ description: 'Candidate prompts of the curriculum filter.' }),
    benchmarkProblems: whole(1, 1_000_000).meta({ description: 'Held-out problems of the benchmark.' }),
  }),
  z.strictObject({
    type: z.literal('files').meta({ description: 'Problem sets in files.' }),
    search: problemFiles().min(1).meta({ description: 'Sets that are searched.' }),
    curriculum: problemFiles()
      .default([])
      .meta({ description: 'Candidate prompts of the curriculum filter; the searched ones when empty.' }),
    benchmarks: problemFiles()
      .min(1)
      .meta({ description: 'Evaluation sets; their problems are removed from all others.' }),
    heldBack: z.number().min(0).max(0.99).default(0).meta({
      description:
        'Share of the searched problems that is held back from the search and offered to the curriculum alone, where that has no sets of its own.',
      source: 'ours',
    }),
  }),
]);
export type Data = z.infer<typeof Data>;

/** A variant compared within the campaign: what its training set is made of. Everything else is the same for all arms. */
export const Arm = z.strictObject({
  name: Name,
  searchTraces: searchTraces().optional().meta({
    description: 'Search traces per problem in place of stages.linearise.searchTraces; 0 makes a Direct control arm.',
  }),
  wrongBranches: WrongBranches.optional().meta({
    description: 'k in place of stages.linearise.wrongBranches: an ablation of the number of backtracks.',
  }),
  merge: z
    .boolean()
    .optional()
    .meta({ description: 'In place of stages.linearise.merge: an ablation of the merging.' }),
  selfEvaluations: selfEvaluations().optional().meta({
    description: 'N in place of stages.linearise.selfEvaluations; 0 is an ablation without self-evaluation.',
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
    description: prose(2000).optional().meta({ description: 'What it is for, in a sentence.' }),
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
      .refine(namesDiffer, 'expected arm names that differ')
      .meta({ description: 'Variants compared. The default is search-taught against direct.' }),
    onFailure: z.enum(['hold', 'fail']).default('hold').meta({
      description:
        'A stage that has spent its attempts waits for retryStage (hold), or ends the campaign once the other arm is through (fail).',
    }),
    until: z.enum(UNTIL).optional().meta({
      description:
        'Last stage of every arm; all of them when not set. Policies are evaluated from sft on, and there is a report in any case.',
    }),
    approveBeforeRl: z
      .boolean()
      .default(false)
      .meta({ description: 'Wait for the update approve before the RL of every arm.' }),
    stages: Stages,
    plan: Assumptions,
  }),
  CAMPAIGN_RULES,
);
export type CampaignSpec = z.infer<typeof CampaignSpec>;
/** What a person may write: everything with a default may be left out. */
export type CampaignSpecInput = z.input<typeof CampaignSpec>;

/**
 * How large a campaign spec may be. Temporal takes 2 MiB in one payload, and a history holds the spec several times: as input, for its
 * admission, and after every continue-as-new. The deepest field there is lies 8 deep. *Ours*.
 */
export const SPEC_LIMITS: JsonLimits = { bytes: 256 * 1024, depth: 32 };

/**
 * A campaign spec from outside, with every default filled in. The one way in, for the command line and for workflows.
 * @param what - names the input in what is told
 * @throws InvalidInputError when it is too large, nested too deep or not JSON; else naming its bad fields
 */
export function parseCampaignSpec(value: unknown, what: string): CampaignSpec {
  const fault = jsonFault(value, SPEC_LIMITS);
  if (fault !== null) throw new InvalidInputError(what, [fault]);
  return parseOrRefuse(CampaignSpec, value, what);
}
