import { z } from 'zod';
import { Run } from '../run.ts';
import { from, inCheckpoints } from './shared.ts';

/** Supervised fine-tuning on the solutions; loss on all tokens. */
export const SftConfig = z
  .strictObject({
    epochs: z
      .number()
      .positive()
      .default(1)
      .meta(from('paper, SFT', 'Passes over the solutions. One on purpose: RL follows.')),
    optimizerSteps: z
      .int()
      .min(1)
      .optional()
      .meta(from('ours', 'Optimizer steps in place of epochs: gives arms of different size the same budget.')),
    batchSize: z.int().min(1).default(64).meta(from('ours', 'Solutions per optimizer step, over all ranks.')),
    microBatchSize: z.int().min(1).default(1).meta(from('ours', 'Solutions per forward pass of a rank.')),
    learningRate: z
      .number()
      .positive()
      .default(3e-6)
      .meta(from('paper, SFT', 'Peak learning rate of AdamW, cosine decay.')),
    warmupSteps: z.int().min(0).default(5).meta(from('ours', 'Linear warm-up in optimizer steps.')),
    maxTokens: z.int().min(16).default(8192).meta(from('paper, SFT', 'Longest solution with its prompt in tokens.')),
    checkpoints: inCheckpoints,
    run: Run,
  })
  .refine((sft) => sft.batchSize % (sft.microBatchSize * sft.run.ranks) === 0, {
    path: ['batchSize'],
    message: 'expected a multiple of microBatchSize x run.ranks',
  })
  .prefault({});
export type SftConfig = z.infer<typeof SftConfig>;
