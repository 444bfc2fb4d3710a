import { z } from 'zod';
import { optimizerSteps, whole } from '../fields.ts';

/**
 * Where a default comes from and what the field says. The defaults are the recipe's: what a user sets is visibly their own departure from it.
 * @param source - a section of the ASTRO paper (arXiv 2507.00417), another paper, or *ours*
 */
export const from = (source: string, description: string) => ({ description, source });
/** `checkpoints` of every trainer. */
export const inCheckpoints = z
  .strictObject({
    everySteps: optimizerSteps().default(50).meta(from('ours', 'Optimizer steps between two checkpoints.')),
    keep: z
      .strictObject({
        last: whole(1, 1000).default(2).meta(from('ours', 'Newest checkpoints kept.')),
        best: whole(0, 1000)
          .default(1)
          .meta(
            from(
              'ours',
              'Best checkpoints kept: of the lowest loss, in RL of the highest reward, as a mean over the steps since the checkpoint before.',
            ),
          ),
        everySteps: optimizerSteps()
          .optional()
          .meta(
            from(
              'ours',
              'Every checkpoint at a multiple of so many optimizer steps is kept for good; none when not set.',
            ),
          ),
      })
      .prefault({})
      .meta(from('ours', 'Which checkpoints stay; a checkpoint that is damaged never takes the place of a good one.')),
  })
  .refine(({ everySteps, keep }) => keep.everySteps === undefined || keep.everySteps % everySteps === 0, {
    path: ['keep', 'everySteps'],
    message: 'expected a multiple of checkpoints.everySteps',
  })
  .prefault({});
