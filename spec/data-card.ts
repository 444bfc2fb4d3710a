import { z } from 'zod';
import { DecontaminationRule, NearDuplicateRule } from './stages/index.ts';

/** How many records, by where they come from and how hard they are. */
const Counted = z.object({
  count: z.int().min(0),
  bySource: z.record(z.string(), z.int().min(0)),
  byLevel: z
    .record(z.string(), z.int().min(0))
    .describe('Empty where no record tells a level; "none" counts those that do not.'),
});

/** What is left of a set after one step of its preparation. */
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

/** `data/card.json`: where the problems come from, and what became of them. */
export const DataCard = z.object({
  schemaVersion: z.literal(1),
  seed: z.int(),
  rules: z.object({
    checkedByVerifier: z
      .boolean()
      .describe('False where it is switched off, or the domain’s references are no answers.'),
    nearDuplicates: NearDuplicateRule.nullable().describe(
      'Null where problems are generated: they are alike by nature.',
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
    .describe('Problems that share a run of words with a benchmark problem, but too little of it to be removed.'),
  setAside: z.record(z.string(), z.int().min(0)).describe('Records set aside, by reason.'),
});
export type DataCard = z.infer<typeof DataCard>;

/** A line of `data/set-aside.jsonl`: a record that is no problem of any set, and why. */
export const SetAside = z.object({
  set: z.string(),
  file: z.string(),
  at: z.string().describe('Where in the file: a line, a record or a row, counted from 1.'),
  reason: z.enum(['bad-record', 'no-answer', 'cannot-be-judged', 'timed-out', 'answers-disagree']),
  detail: z.string(),
  problem: z.string().nullable(),
});
export type SetAside = z.infer<typeof SetAside>;

/** A line of `data/duplicates.jsonl`: a problem that was removed because another one stays. */
export const Duplicate = z.object({
  set: z.string(),
  id: z.string(),
  problem: z.string(),
  of: z.string().describe('Id of the problem that stays.'),
  ofProblem: z.string(),
  similarity: z.number().min(0).max(1).describe('Jaccard index of the shingles; 1 where the texts are equal.'),
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
  shared: z.string().describe('The first run of words that both have.'),
  overlap: z.number().min(0).max(1).describe('Share of the benchmark problem’s words found in the same order.'),
  removed: z.boolean().describe('False for a suspicion that was not confirmed.'),
});
export type Contamination = z.infer<typeof Contamination>;
