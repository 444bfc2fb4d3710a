import { z } from 'zod';
import { Assumptions } from './assumptions.ts';
import {
  AnalyseConfig,
  CurriculumConfig,
  EvaluateConfig,
  LineariseConfig,
  PrepareConfig,
  PretrainConfig,
  RewriteConfig,
  RlConfig,
  SearchConfig,
  SftConfig,
} from './stages.ts';

/** A name that may be part of a path, a label and a workflow id. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    'expected lower-case letters, digits and "-", starting and ending with a letter or digit',
  )
  .max(48);

/** Id of a campaign: its workflow id, and a folder of the store. */
export const CampaignId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, ".", "_" and "-", starting with a letter or digit')
  .max(128);

/** The subject: a folder of `domains/` holding prompts, step parser, phrases and verifier. */
export const DomainRef = z.strictObject({
  name: Name.meta({ description: 'Folder of domains/ that holds everything that belongs to the subject.' }),
  settings: z
    .record(z.string(), z.json())
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
    name: z
      .string()
      .min(1)
      .meta({ description: 'What the model is called, for example meta-llama/Llama-3.1-70B-Instruct.' }),
    uri: z.string().min(1).meta({ description: 'Folder with the weights in Hugging Face layout, as the pods see it.' }),
    revision: z.string().min(1).meta({ description: 'Revision of the weights; part of every key.' }),
  }),
]);
export type Policy = z.infer<typeof Policy>;

/** A problem set in files. Layouts other than JSONL come with the mathematics domain. */
export const ProblemFile = z.strictObject({
  name: Name.meta({ description: 'Name of the set in counts, cards and the report.' }),
  path: z.string().min(1).meta({ description: 'JSONL file, one problem a line; relative paths start at the project.' }),
  fields: z
    .strictObject({
      problem: z.string().default('problem').meta({ description: 'Field with the text of the problem.' }),
      answer: z.string().default('answer').meta({ description: 'Field with the reference answer.' }),
    })
    .prefault({}),
  limit: z.int().min(1).optional().meta({ description: 'Use the first so many after shuffling by the seed.' }),
});
export type ProblemFile = z.infer<typeof ProblemFile>;

/** Where problems come from. */
export const Data = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('generated').meta({ description: 'The domain makes its problems from the seed.' }),
    searchProblems: z.int().min(1).meta({ description: 'Problems searched.' }),
    curriculumPrompts: z.int().min(1).meta({ description: 'Candidate prompts of the curriculum filter.' }),
    benchmarkProblems: z.int().min(1).meta({ description: 'Held-out problems of the benchmark.' }),
  }),
  z.strictObject({
    type: z.literal('files').meta({ description: 'Problem sets in files.' }),
    search: z.array(ProblemFile).min(1).meta({ description: 'Sets that are searched.' }),
    curriculum: z
      .array(ProblemFile)
      .default([])
      .meta({ description: 'Candidate prompts of the curriculum filter; the searched ones when empty.' }),
    benchmarks: z
      .array(ProblemFile)
      .min(1)
      .meta({ description: 'Evaluation sets; their problems are removed from all others.' }),
  }),
]);
export type Data = z.infer<typeof Data>;

/** A variant compared within the campaign: what its training set is made of. Everything else is the same for all arms. */
export const Arm = z.strictObject({
  name: Name,
  searchTraces: z.int().min(0).optional().meta({
    description: 'Search traces per problem in place of stages.linearise.searchTraces; 0 makes a Direct control arm.',
  }),
});
export type Arm = z.infer<typeof Arm>;

const Stages = z
  .strictObject({
    prepare: PrepareConfig,
    pretrain: PretrainConfig,
    search: SearchConfig,
    linearise: LineariseConfig,
    rewrite: RewriteConfig,
    sft: SftConfig,
    curriculum: CurriculumConfig,
    rl: RlConfig,
    evaluate: EvaluateConfig,
    analyse: AnalyseConfig,
  })
  .prefault({});

/** A campaign: one spec, from search to report. */
export const CampaignSpec = z.strictObject({
  name: Name.meta({ description: 'Name of the campaign; the default of its workflow id.' }),
  description: z.string().optional().meta({ description: 'What it is for, in a sentence.' }),
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
    .default([{ name: 'astro' }, { name: 'direct', searchTraces: 0 }])
    .refine((arms) => new Set(arms.map((arm) => arm.name)).size === arms.length, 'expected arm names that differ')
    .meta({ description: 'Variants compared. The default is search-taught against direct.' }),
  onFailure: z.enum(['hold', 'fail']).default('hold').meta({
    description:
      'A stage that has spent its attempts waits for retryStage (hold), or ends the campaign once the other arm is through (fail).',
  }),
  approveBeforeRl: z
    .boolean()
    .default(false)
    .meta({ description: 'Wait for the update approve before the RL of every arm.' }),
  stages: Stages,
  plan: Assumptions,
});
export type CampaignSpec = z.infer<typeof CampaignSpec>;
/** What a person may write: everything with a default may be left out. */
export type CampaignSpecInput = z.input<typeof CampaignSpec>;
