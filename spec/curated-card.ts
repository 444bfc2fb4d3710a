import { z } from 'zod';

/**
 * Why a rewritten step is rejected. The reason of the last attempt is also why the solution is dropped. The reasons are
 * *ours*:
 *
 * - `tooLong`: the step was cut at its token limit; `empty`: it has no text
 * - `phrase`: it contains a fixed phrase of the reflections; `verdict`: it judges the reasoning in its own words
 * - `answer`: it contains the final answer
 * - `numbers`: a number of the original step is missing, or for some domains the numbers differ
 * - `invented`: a number occurs neither in the original step nor in the problem nor in the solution so far
 * - `context`: the prompt does not fit into the context; `form`: the step does not have the form that the domain
 *   requires
 */
export const RewriteFault = z.enum([
  'tooLong',
  'empty',
  'phrase',
  'verdict',
  'answer',
  'numbers',
  'invented',
  'context',
  'form',
]);
export type RewriteFault = z.infer<typeof RewriteFault>;

/** A line of `dropped.jsonl`: a trace that was dropped, so it has no solution. */
export const DroppedTrace = z.object({
  id: z.string().min(1).describe('Id of the trace.'),
  k: z.int().min(0),
  source: z.string(),
  level: z.string().optional(),
  reason: RewriteFault,
});
export type DroppedTrace = z.infer<typeof DroppedTrace>;

/** How many traces of one group became solutions, and how many were dropped. */
const Group = z.object({ solutions: z.int().min(0), dropped: z.int().min(0) });
const Groups = z.record(z.string(), Group);

/** Lengths of the curated solutions. Quantiles are interpolated. */
export const Lengths = z.object({
  min: z.number(),
  median: z.number(),
  mean: z.number(),
  p90: z.number(),
  p99: z.number(),
  max: z.number(),
});
export type Lengths = z.infer<typeof Lengths>;

/** Summary of a curated set: the result of `rewrite` over all its shards. Part of `report.json`. */
export const CuratedCard = z.object({
  schemaVersion: z.literal(1),
  stage: z.string().describe('Name of the rewrite stage, for example astro/rewrite.'),
  seed: z.int(),
  solutions: z.int().min(0),
  dropped: z.int().min(0),
  byK: Groups.describe('Groups by k, the number of wrong branches in a solution.'),
  bySource: Groups,
  byLevel: Groups.describe('Empty when no problem has a level. "none" counts problems without one.'),
  characters: Lengths.nullable().describe(
    'Length of the text without its prompt, in UTF-16 code units; null without solutions.',
  ),
  writtenTokens: Lengths.nullable().describe(
    'Tokens that the policy wrote in the steps, without fixed phrases and final answer. Null when a solution has no count.',
  ),
  droppedByReason: z.partialRecord(RewriteFault, z.int().min(1)),
  samples: z
    .array(
      z.object({
        id: z.string(),
        k: z.int().min(0),
        source: z.string(),
        level: z.string().nullable(),
        problem: z.string(),
        text: z.string(),
        isCut: z.boolean().describe('Whether problem or text was cut to fit here.'),
      }),
    )
    .describe('A few solutions of every k, drawn by the seed.'),
});
export type CuratedCard = z.infer<typeof CuratedCard>;
