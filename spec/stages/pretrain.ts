import { z } from 'zod';
import { batch, learningRate, optimizerSteps, whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from, inCheckpoints } from './shared.ts';

/** Trains a small substitute for a pretrained instruct model on demonstrations of the domain. *Ours*. */
export const PretrainConfig = z
  .strictObject({
    model: withRules(
      z.strictObject({
        hiddenSize: whole(8, 8192).default(96).meta(from('ours', 'Width of the hidden states.')),
        layers: whole(1, 128).default(3).meta(from('ours', 'Number of decoder layers.')),
        heads: whole(1, 128).default(4).meta(from('ours', 'Number of attention heads.')),
        contextTokens: whole(32, 131_072)
          .default(256)
          .meta(from('ours', 'Maximum length of a prompt with its completion, in tokens.')),
      }),
      [
        {
          path: ['heads'],
          expected: 'a divisor of hiddenSize',
          holds: ({ hiddenSize, heads }) => hiddenSize % heads === 0,
        },
        {
          path: ['heads'],
          expected: 'hiddenSize / heads to be even, because rotary position embeddings rotate pairs of numbers',
          holds: ({ hiddenSize, heads }) => hiddenSize % heads !== 0 || (hiddenSize / heads) % 2 === 0,
        },
      ],
    ).prefault({}),
    optimizerSteps: optimizerSteps().default(1000).meta(from('ours', 'Number of optimizer steps.')),
    batchSize: batch().default(64).meta(from('ours', 'Demonstrations per optimizer step.')),
    learningRate: learningRate().default(3e-3).meta(from('ours', 'Peak learning rate of AdamW, with cosine decay.')),
    checkpoints: inCheckpoints,
    run: runOf('trainer'),
  })
  .prefault({});
export type PretrainConfig = z.infer<typeof PretrainConfig>;

/** `stage.json` of this kind. */
export const PretrainStageFile = stageFileOf('pretrain', PretrainConfig);
