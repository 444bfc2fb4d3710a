import { z } from 'zod';
import { Data } from '../data.ts';
import { fraction, whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from } from './shared.ts';

/** When two problems of one set count as duplicates although their texts differ. */
export const NearDuplicateRule = z
  .strictObject({
    ngramWords: whole(1, 100).default(5).meta(from('Lee et al., arXiv 2107.06499', 'Number of words in a shingle.')),
    similarity: z
      .number()
      .min(0.01)
      .max(1)
      .default(0.8)
      .meta(
        from(
          'Lee et al., arXiv 2107.06499',
          'Minimum Jaccard index of the shingles at which two problems with the same numbers and the same answer count as duplicates.',
        ),
      ),
  })
  .prefault({});

/** When a problem counts as a copy of a benchmark problem. */
export const DecontaminationRule = z
  .strictObject({
    ngramWords: whole(1, 100)
      .default(8)
      .meta(
        from(
          's1, arXiv 2501.19393',
          'Number of consecutive words shared with a benchmark problem that make a problem a suspect.',
        ),
      ),
    overlap: fraction()
      .default(0.5)
      .meta(
        from(
          'Cosmopedia',
          'Fraction of the benchmark problem’s words that a suspect must contain in the same order to be removed. 0 removes every suspect.',
        ),
      ),
  })
  .prefault({});

/** Deduplicates and splits the problems that `data` of the campaign names. The rules apply to problems from files. */
export const PrepareConfig = z
  .strictObject({
    checkAnswers: z
      .boolean()
      .default(true)
      .meta(
        from(
          'ours',
          'Whether the verifier compares every reference answer with itself. A problem whose answer it cannot judge is set aside.',
        ),
      ),
    nearDuplicates: NearDuplicateRule,
    decontamination: DecontaminationRule,
    run: runOf('single'),
  })
  .prefault({});
export type PrepareConfig = z.infer<typeof PrepareConfig>;

/** `stage.json` of this kind. */
export const PrepareStageFile = stageFileOf('prepare', PrepareConfig).extend({
  data: Data,
  dataFiles: z
    .record(z.string(), z.string().regex(/^[0-9a-f]{64}$/))
    .optional()
    .describe(
      'SHA-256 of every problem file, by the path in the campaign, computed by the worker. The program refuses files with other content.',
    ),
});
