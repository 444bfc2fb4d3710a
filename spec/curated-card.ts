import { z } from 'zod';

/**
 * Why a rewritten step is turned down, and of the last attempt why its solution is dropped. The reasons are *ours*:
 * cut at its limit; empty; a fixed phrase of the reflections; a judgement in other words; the final answer; a number that is lost; a number
 * that comes from nowhere; no room in the context; another form than the domain's.
 */
export const RewriteFault = z.enum([
  ...(['tooLong', 'empty', 'phrase', 'verdict', 'answer', 'numbers', 'invented', 'context', 'form'] as const),
]);
export type RewriteFault = z.infer<typeof RewriteFault>;

/** A line of `dropped.jsonl`: a trace that became no solution. */
export const DroppedTrace = z.object({
  id: z.string().min(1).describe('Of the trace.'),
  k: z.int().min(0),
  source: z.string(),
  level: z.string().optional(),
  reason: RewriteFault,
});
export type DroppedTrace = z.infer<typeof DroppedTrace>;

/** What became of the traces of one kind. */
const Group = z.object({ solutions: z.int().min(0), dropped: z.int().min(0) });
const Groups = z.record(z.string(), Group);

/** Lengths of the curated solutions; quantiles are interpolated. */
export const Lengths = z.object({
  min: z.number(),
  median: z.number(),
  mean: z.number(),
  p90: z.number(),
  p99: z.number(),
  max: z.number(),
});
export type Lengths = z.infer<typeof Lengths>;

/** The card of a curated set: what `rewrite` made of the traces, over all its shards. Part of `report.json`. */
export const CuratedCard = z.object({
  schemaVersion: z.literal(1),
  stage: z.string().describe('Name of the rewrite stage, for example astro/rewrite.'),
  seed: z.int(),
  solutions: z.int().min(0),
  dropped: z.int().min(0),
  byK: Groups.describe('By k, the wrong branches that a solution returns from.'),
  bySource: Groups,
  byLevel: Groups.describe('Empty where no problem tells a level; "none" counts those that do not.'),
  characters: Lengths.nullable().describe('Of the text without its prompt, in UTF-16 units; null without solutions.'),
  writtenTokens: Lengths.nullable().describe(
    'Tokens of the steps as the policy wrote them, without fixed phrases and final answer: shorter than the text. Null where a solution does not tell.',
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
        isCut: z.boolean().describe('Whether problem or text is longer than what stands here.'),
      }),
    )
    .describe('Some of every k, drawn by seed.'),
});
export type CuratedCard = z.infer<typeof CuratedCard>;
