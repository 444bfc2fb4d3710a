import { z } from 'zod';
import { DecontaminationRule, NearDuplicateRule } from './stages/prepare.ts';

/** Number of records, by source and by difficulty. */
const Counted = z.object({
  count: z.int().min(0),
  bySource: z.record(z.string(), z.int().min(0)),
  byLevel: z
    .record(z.string(), z.int().min(0))
    .describe('Empty when no record has a level. "none" counts records without one.'),
});

/** What remains of a set after one step of its preparation. */
export const DataStep = Counted.extend({
  step: z.enum([
    'records',
    'problems',
    'answered',
    'limited',
    'judgeable',
    'unequal',
    'unlike',
    'decontaminated',
    'kept',
  ]),
});
export type DataStep = z.infer<typeof DataStep>;

/** `data/card.json`: where the problems come from, and what each step of the preparation kept. */
export const DataCard = z.object({
  schemaVersion: z.literal(1),
  seed: z.int(),
  rules: z.object({
    checkedByVerifier: z
      .boolean()
      .describe('False when the check is switched off, or when the references of the domain are not answers.'),
    nearDuplicates: NearDuplicateRule.nullable().describe(
      'Null when problems are generated, because generated problems are all similar.',
    ),
    decontamination: DecontaminationRule.nullable(),
  }),
  files: z.array(
    z.object({
      set: z.string(),
      name: z.string(),
      path: z.string(),
      sha256: z.string(),
      format: z.string(),
      layout: z.string(),
      records: z.int().min(0),
    }),
  ),
  sets: z.array(z.object({ set: z.enum(['search', 'curriculum', 'benchmarks']), steps: z.array(DataStep).min(1) })),
  suspects: z
    .int()
    .min(0)
    .describe('Problems that share a run of words with a benchmark problem, but too few words to be removed.'),
  setAside: z.record(z.string(), z.int().min(0)).describe('Records set aside, by reason.'),
});
export type DataCard = z.infer<typeof DataCard>;

/** A line of `data/set-aside.jsonl`: a record that is in no set, and why. */
export const SetAside = z.object({
  set: z.string(),
  file: z.string(),
  at: z.string().describe('Position in the file: a line, a record or a row, counted from 1.'),
  reason: z.enum(['bad-record', 'no-answer', 'cannot-be-judged', 'timed-out', 'answers-disagree']),
  detail: z.string(),
  problem: z.string().nullable(),
});
export type SetAside = z.infer<typeof SetAside>;

/** A line of `data/duplicates.jsonl`: a problem that was removed because a similar one was kept. */
export const Duplicate = z.object({
  set: z.string(),
  id: z.string(),
  problem: z.string(),
  of: z.string().describe('Id of the problem that was kept.'),
  ofProblem: z.string(),
  similarity: z.number().min(0).max(1).describe('Jaccard index of the shingles; 1 for equal texts.'),
});
export type Duplicate = z.infer<typeof Duplicate>;

/** A line of `data/contamination.jsonl`: a benchmark problem found in another set. */
export const Contamination = z.object({
  set: z.string(),
  id: z.string(),
  problem: z.string(),
  benchmark: z.string(),
  benchmarkId: z.string(),
  benchmarkProblem: z.string(),
  shared: z.string().describe('The first run of words that occurs in both.'),
  overlap: z
    .number()
    .min(0)
    .max(1)
    .describe('Fraction of the benchmark problem’s words that occur here in the same order.'),
  removed: z.boolean().describe('False when the overlap is too small to remove the problem.'),
});
export type Contamination = z.infer<typeof Contamination>;
