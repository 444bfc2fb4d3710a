import { z } from 'zod';
import { batch, learningRate, optimizerSteps, tokens, whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from, inCheckpoints } from './shared.ts';

/** Supervised fine-tuning on the solutions, with the loss on all tokens. */
export const SftConfig = withRules(
  z.strictObject({
    epochs: z
      .number()
      .min(0.001)
      .max(1000)
      .default(1)
      .meta(from('paper, SFT', 'Passes over the solutions. The default of one is deliberate, because RL follows.')),
    optimizerSteps: optimizerSteps()
      .optional()
      .meta(
        from(
          'ours',
          'Number of optimizer steps, instead of epochs. It gives arms with different amounts of data the same budget.',
        ),
      ),
    batchSize: batch().default(64).meta(from('ours', 'Solutions per optimizer step, over all ranks.')),
    microBatchSize: batch().default(1).meta(from('ours', 'Solutions per forward pass of a rank.')),
    learningRate: learningRate()
      .default(3e-6)
      .meta(from('paper, SFT', 'Peak learning rate of AdamW, with cosine decay.')),
    warmupSteps: whole(0, 10_000_000).default(5).meta(from('ours', 'Optimizer steps of linear warm-up.')),
    maxTokens: tokens(16)
      .default(8192)
      .meta(from('paper, SFT', 'Maximum length of a solution with its prompt, in tokens.')),
    checkpoints: inCheckpoints,
    run: runOf('trainer'),
  }),
  [
    {
      path: ['batchSize'],
      expected: 'a multiple of microBatchSize x run.ranks',
      holds: ({ batchSize, microBatchSize, run }) => batchSize % (microBatchSize * run.ranks) === 0,
    },
  ],
).prefault({});
export type SftConfig = z.infer<typeof SftConfig>;

/** `stage.json` of this kind. */
export const SftStageFile = stageFileOf('sft', SftConfig);
