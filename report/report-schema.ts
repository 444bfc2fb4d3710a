import { z } from 'zod';
import { CuratedCard } from '../spec/curated-card.ts';
import { DataCard } from '../spec/data-card.ts';
import { Counts, Sha256 } from '../spec/manifest.ts';
import { DomainRef, Policy } from '../spec/policy.ts';
import { Span } from '../spec/records.ts';
import { StageKind } from '../spec/stages/kinds.ts';
import { CampaignStatus } from '../spec/status.ts';
import { Estimate } from './statistics/estimate.ts';

/**
 * `report.json`: every number behind `report.html`. The key of stage `analyse` determines what it writes, so it
 * contains no keys, settings, times and cost of its campaign. These are added when the report is published
 * ({@link PublishedReport}).
 *
 * Accuracies, shares and pass rates are fractions in [0, 1], lengths are tokens, and times are seconds. `benchmark:
 * null` means all benchmarks together; such rows exist when a campaign has more than one.
 */

/** What was trained before a policy was evaluated. */
export const Phase = z.enum(['base', 'sft', 'rl']);
export type Phase = z.infer<typeof Phase>;

/** One policy on one benchmark: a row of the results table. */
export const ResultRow = z.strictObject({
  stage: z.string().describe('Name of the evaluation, for example astro/evaluate-rl.'),
  label: z.string().describe('What a table calls it, for example "astro RL".'),
  arm: z.string().nullable(),
  phase: Phase,
  benchmark: z.string().nullable(),
  problems: z.int().min(0),
  samplesPerProblem: z.int().min(0).describe('n: sampled completions per problem, the most that any has.'),
  greedy: Estimate.describe('Share of the greedy completions that are right; Wilson interval.'),
  passAt1: Estimate.describe('Mean over problems of the share of samples that are right; bootstrap over problems.'),
  majority: Estimate.describe(
    'maj@n: the most frequent answer is right; ties by a fair draw; bootstrap over problems.',
  ),
  completionTokens: z
    .number()
    .nullable()
    .describe('Mean over the samples, or over greedy completions without samples.'),
  backtracks: z.number().nullable().describe('Mean per completion, over the same completions.'),
  truncated: z.number().nullable().describe('Share of these completions that ended by their length limit.'),
  unjudged: z
    .int()
    .min(0)
    .describe('Completions left out of every accuracy because the verifier could not judge them.'),
});
export type ResultRow = z.infer<typeof ResultRow>;

/** Two policies on the same problems: first minus second. */
export const Comparison = z.strictObject({
  about: z.enum(['arms', 'training']).describe('arms: two arms at the same phase; training: two phases of one arm.'),
  first: z.string().describe('Stage of the first evaluation.'),
  second: z.string(),
  firstLabel: z.string(),
  secondLabel: z.string(),
  phase: Phase.describe('Phase of the first.'),
  benchmark: z.string().nullable(),
  passAt1: Estimate.describe('Mean difference over problems that both were judged on; paired bootstrap.'),
  greedy: Estimate.describe('Difference of greedy accuracy; paired bootstrap.'),
  mcnemar: z
    .strictObject({
      onlyFirst: z.int().min(0).describe('Problems that only the first solved greedily.'),
      onlySecond: z.int().min(0),
      p: z.number().min(0).max(1).describe('Exact, two-sided.'),
    })
    .nullable()
    .describe('null where no problem has a judged greedy completion of both.'),
});
export type Comparison = z.infer<typeof Comparison>;

/** The result of the experiment, from the comparison of the arms after RL. `report/facts/headline.ts` writes it. */
export const Headline = z.strictObject({
  verdict: z.enum(['for', 'against', 'undecided', 'not-compared']).describe('For or against the first arm.'),
  sentence: z.string(),
  details: z.array(z.string()),
});
export type Headline = z.infer<typeof Headline>;

/** One optimizer step, as the attempt that counts wrote it. */
export const CurvePoint = z.strictObject({
  optimizerStep: z.int().min(0),
  loss: z.number().nullable(),
  reward: z.number().nullable().describe('Mean reward in [-1, 1].'),
  completionTokens: z.number().nullable(),
  backtracks: z.number().nullable().describe('Mean per completion.'),
});
export type CurvePoint = z.infer<typeof CurvePoint>;

export const TrainingCurve = z.strictObject({
  stage: z.string(),
  arm: z.string().nullable(),
  kind: z.enum(['pretrain', 'sft', 'rl']),
  points: z.array(CurvePoint),
});
export type TrainingCurve = z.infer<typeof TrainingCurve>;

/** Pearson's r of backtracks and accuracy. */
export const Correlation = z.strictObject({
  arm: z.string(),
  over: z.enum(['rl-steps', 'problems']),
  r: Estimate,
});
export type Correlation = z.infer<typeof Correlation>;

/** Pass rates of one arm's candidate prompts. */
export const CurriculumFacts = z.strictObject({
  arm: z.string(),
  prompts: z.int().min(0),
  window: z.strictObject({ min: z.number(), max: z.number() }).nullable(),
  bins: z.array(z.strictObject({ passRate: z.number(), prompts: z.int().min(0), kept: z.int().min(0) })),
  reasons: z.record(z.string(), z.int().min(0)).describe('Prompts by the reason of the decision.'),
});
export type CurriculumFacts = z.infer<typeof CurriculumFacts>;

/** Procedure cloning of one arm: from trees to solutions. */
export const CloningFacts = z.strictObject({
  arm: z.string(),
  linearise: Counts.nullable(),
  rewrite: Counts.nullable(),
  solutionsByK: z
    .record(z.string(), z.int().min(0))
    .describe('Solutions by k, the wrong branches that they return from.'),
});
export type CloningFacts = z.infer<typeof CloningFacts>;

export const GraphNode = z.strictObject({
  id: z.int().min(0).describe('0 is the problem; others are numbers of tree nodes, or count up in a completion.'),
  kind: z.enum(['problem', 'step', 'answer']),
  text: z.string(),
});
export type GraphNode = z.infer<typeof GraphNode>;

export const GraphEdge = z.strictObject({
  from: z.int().min(0),
  to: z.int().min(0),
  kind: z
    .enum(['transition', 'reflection', 'correction'])
    .describe(
      'A reflection leads from a step to itself; a correction is a backtrack to an earlier step or to the problem.',
    ),
  verdict: z
    .enum(['positive', 'negative'])
    .nullable()
    .describe('What a reflection came to; null where it does not say.'),
});
export type GraphEdge = z.infer<typeof GraphEdge>;

/** A solution as text and as a directed graph of its steps. */
export const SolutionGraph = z.strictObject({
  title: z.string(),
  source: z.string().describe('Stage that the text comes from.'),
  problem: z.string(),
  text: z.string(),
  verdict: z.enum(['right', 'wrong', 'unjudged']),
  spans: z.array(Span),
  nodes: z.array(GraphNode),
  edges: z.array(GraphEdge),
});
export type SolutionGraph = z.infer<typeof SolutionGraph>;

/** The outputs of one finished stage, as far as its digest covers them. */
export const StageOutputs = z.strictObject({ name: z.string(), kind: StageKind, digest: Sha256, counts: Counts });
export type StageOutputs = z.infer<typeof StageOutputs>;

/** Trained policies with identical weights, to the last byte. */
export const SameWeights = z.strictObject({
  stages: z.array(z.string()).min(2),
  sentence: z.string(),
});
export type SameWeights = z.infer<typeof SameWeights>;

export const Report = z.strictObject({
  schemaVersion: z.literal(1),
  key: Sha256.describe('Key of the analyse stage.'),
  domain: DomainRef,
  policy: Policy,
  seed: z.int(),
  arms: z.array(z.string()),
  codeVersion: z.string(),
  confidence: z.number().describe('Level of every interval.'),
  bootstrapResamples: z.int(),
  headline: Headline,
  results: z.array(ResultRow),
  comparisons: z.array(Comparison),
  curves: z.array(TrainingCurve),
  correlations: z.array(Correlation),
  curriculum: z.array(CurriculumFacts),
  data: DataCard.nullable().default(null),
  search: Counts.nullable(),
  cloning: z.array(CloningFacts),
  curated: z.array(CuratedCard).default([]).describe('One card for each rewrite stage.'),
  graphs: z.array(SolutionGraph),
  sameWeights: z.array(SameWeights).default([]),
  stages: z.array(StageOutputs),
});
export type Report = z.infer<typeof Report>;

/**
 * Where the result of a stage comes from, and what it took. It belongs to one campaign, so it is added when its report
 * is published.
 */
export const StageFacts = z.strictObject({
  name: z.string(),
  kind: StageKind,
  key: Sha256,
  digest: Sha256,
  reused: z.boolean().describe('An earlier campaign had finished it.'),
  made: z
    .strictObject({
      codeVersion: z.string(),
      seed: z.int(),
      attempt: z.int().min(0),
      parts: z.int().min(1),
      startedAt: z.iso.datetime(),
      finishedAt: z.iso.datetime(),
      seconds: z.number().min(0),
      counts: Counts,
      config: z.json(),
    })
    .nullable()
    .describe('What its manifest says; null when that was damaged or lost at publication.'),
});
export type StageFacts = z.infer<typeof StageFacts>;

/** `report.json` as published: the analysis, and the campaign that it belongs to. */
export const PublishedReport = Report.extend({
  campaign: z.strictObject({ id: z.string(), name: z.string(), publishedAt: z.iso.datetime() }),
  provenance: z.array(StageFacts),
  run: CampaignStatus.describe('The campaign when its analysis had ended.'),
});
export type PublishedReport = z.infer<typeof PublishedReport>;
