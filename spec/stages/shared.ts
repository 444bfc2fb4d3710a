import { z } from 'zod';
import { optimizerSteps, whole } from '../fields.ts';

/**
 * Metadata of a field: its description, and the source of its default. The defaults are those of the recipe.
 * @param source - a section of the ASTRO paper (arXiv 2507.00417), another paper, or *ours*
 */
export const from = (source: string, description: string) => ({ description, source });

/** The setting `checkpoints` of every trainer. */
export const inCheckpoints = z
  .strictObject({
    everySteps: optimizerSteps().default(50).meta(from('ours', 'Optimizer steps between two checkpoints.')),
    keep: z
      .strictObject({
        last: whole(1, 1000).default(2).meta(from('ours', 'Number of newest checkpoints to keep.')),
        best: whole(0, 1000)
          .default(1)
          .meta(
            from(
              'ours',
              'Number of best checkpoints to keep: those with the lowest loss, or for RL the highest reward. Both are means over the steps since the previous checkpoint.',
            ),
          ),
        everySteps: optimizerSteps()
          .optional()
          .meta(
            from(
              'ours',
              'Checkpoints at multiples of this number of optimizer steps are kept permanently; none when not set.',
            ),
          ),
      })
      .prefault({})
      .meta(from('ours', 'Which checkpoints to keep. A damaged checkpoint never replaces a good one.')),
  })
  .refine(({ everySteps, keep }) => keep.everySteps === undefined || keep.everySteps % everySteps === 0, {
    path: ['keep', 'everySteps'],
    message: 'expected a multiple of checkpoints.everySteps',
  })
  .prefault({});
