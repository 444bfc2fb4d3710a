import { z } from 'zod';
import { batch, learningRate, optimizerSteps, whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { from, inCheckpoints } from './shared.ts';

/** Trains the small model that stands in for a pretrained instruct model, on demonstrations of the domain. *Ours*. */
export const PretrainConfig = z
  .strictObject({
    model: withRules(
      z.strictObject({
        hiddenSize: whole(8, 8192).default(96).meta(from('ours', 'Width of the residual stream.')),
        layers: whole(1, 128).default(3).meta(from('ours', 'Decoder layers.')),
        heads: whole(1, 128).default(4).meta(from('ours', 'Attention heads.')),
        contextTokens: whole(32, 131_072)
          .default(256)
          .meta(from('ours', 'Longest sequence, prompt and completion, in tokens.')),
      }),
      [
        {
          path: ['heads'],
          expected: 'a divisor of hiddenSize',
          holds: ({ hiddenSize, heads }) => hiddenSize % heads === 0,
        },
        {
          path: ['heads'],
          expected: 'hiddenSize / heads to be even: rotary positions turn pairs of numbers',
          holds: ({ hiddenSize, heads }) => hiddenSize % heads !== 0 || (hiddenSize / heads) % 2 === 0,
        },
      ],
    ).prefault({}),
    optimizerSteps: optimizerSteps().default(1000).meta(from('ours', 'Optimizer steps.')),
    batchSize: batch().default(64).meta(from('ours', 'Demonstrations per optimizer step.')),
    learningRate: learningRate().default(3e-3).meta(from('ours', 'Peak learning rate of AdamW, cosine decay.')),
    checkpoints: inCheckpoints,
    run: runOf('trainer'),
  })
  .prefault({});
export type PretrainConfig = z.infer<typeof PretrainConfig>;
