import { z } from 'zod';
import { fraction, whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { from } from './shared.ts';

/** When two problems of one set are one although their texts differ. */
export const NearDuplicateRule = z
  .strictObject({
    ngramWords: whole(1, 100).default(5).meta(from('Lee et al., arXiv 2107.06499', 'Words of a shingle.')),
    similarity: z
      .number()
      .min(0.01)
      .max(1)
      .default(0.8)
      .meta(
        from(
          'Lee et al., arXiv 2107.06499',
          'Jaccard index of the shingles from which two problems with the same numbers and the same answer are one.',
        ),
      ),
  })
  .prefault({});

/** When a problem is taken to be one of a benchmark. */
export const DecontaminationRule = z
  .strictObject({
    ngramWords: whole(1, 100)
      .default(8)
      .meta(from('s1, arXiv 2501.19393', 'Words in a row that are also in a benchmark problem raise suspicion.')),
    overlap: fraction()
      .default(0.5)
      .meta(
        from(
          'Cosmopedia',
          'Share of a benchmark problem’s words that a suspect has in the same order, from which it is removed. 0: suspicion is enough.',
        ),
      ),
  })
  .prefault({});

/** Deduplicated, split prompts. What they are made of is said by the campaign’s `data`; the rules are for problems from files. */
export const PrepareConfig = z
  .strictObject({
    checkAnswers: z
      .boolean()
      .default(true)
      .meta(
        from(
          'ours',
          'Have the verifier judge every reference answer against itself; a problem whose answer it cannot judge is set aside.',
        ),
      ),
    nearDuplicates: NearDuplicateRule,
    decontamination: DecontaminationRule,
    run: runOf('single'),
  })
  .prefault({});
export type PrepareConfig = z.infer<typeof PrepareConfig>;
