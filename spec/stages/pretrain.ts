import { z } from 'zod';
import { Run } from '../run.ts';
import { from, inCheckpoints } from './shared.ts';

/** Trains the small model that stands in for a pretrained instruct model, on demonstrations of the domain. *Ours*. */
export const PretrainConfig = z
  .strictObject({
    model: z
      .strictObject({
        hiddenSize: z.int().min(8).default(96).meta(from('ours', 'Width of the residual stream.')),
        layers: z.int().min(1).default(3).meta(from('ours', 'Decoder layers.')),
        heads: z.int().min(1).default(4).meta(from('ours', 'Attention heads.')),
        contextTokens: z
          .int()
          .min(32)
          .default(256)
          .meta(from('ours', 'Longest sequence, prompt and completion, in tokens.')),
      })
      .refine((model) => model.hiddenSize % model.heads === 0, {
        path: ['heads'],
        message: 'expected a divisor of hiddenSize',
      })
      .prefault({}),
    optimizerSteps: z.int().min(1).default(1000).meta(from('ours', 'Optimizer steps.')),
    batchSize: z.int().min(1).default(64).meta(from('ours', 'Demonstrations per optimizer step.')),
    learningRate: z.number().positive().default(3e-3).meta(from('ours', 'Peak learning rate of AdamW, cosine decay.')),
    checkpoints: inCheckpoints,
    run: Run,
  })
  .prefault({});
export type PretrainConfig = z.infer<typeof PretrainConfig>;
