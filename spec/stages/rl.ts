import { z } from 'zod';
import { batch, learningRate, nonzeroTemperature, nucleus, optimizerSteps, tokens, whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from, inCheckpoints } from './shared.ts';

/** GRPO with rewards of +1 and -1 from the verifier. */
export const RlConfig = z
  .strictObject({
    optimizerSteps: optimizerSteps()
      .default(1000)
      .meta(from('ours', 'Number of optimizer steps. The paper gives only the duration in days.')),
    groupSize: whole(2, 10_000).default(4).meta(from('paper, RL', 'Rollouts per prompt.')),
    promptsPerStep: batch().default(256).meta(from('ours', 'Prompts per optimizer step, over all ranks.')),
    microBatchSize: batch().default(4).meta(from('ours', 'Rollouts per forward pass of a rank.')),
    learningRate: learningRate().default(2e-7).meta(from('ours', 'Constant learning rate of AdamW.')),
    temperature: nonzeroTemperature().default(1).meta(from('ours', 'Sampling temperature of the rollouts.')),
    topP: nucleus().default(1).meta(from('ours', 'Nucleus of the sampling (top-p).')),
    maxCompletionTokens: tokens().default(15_360).meta(from('ours', 'Maximum length of a rollout in tokens.')),
    klCoefficient: z
      .number()
      .min(0)
      .max(1000)
      .default(0)
      .meta(from('ours', 'Weight of the KL divergence from the SFT policy; 0 disables the term.')),
    scaleAdvantages: z
      .boolean()
      .default(false)
      .meta(from('ours', 'Whether to divide the centred advantages by the standard deviation of their group.')),
    checkpoints: inCheckpoints,
    run: runOf('trainer'),
  })
  .refine((rl) => (rl.promptsPerStep * rl.groupSize) % (rl.microBatchSize * rl.run.ranks) === 0, {
    path: ['promptsPerStep'],
    message: 'expected promptsPerStep x groupSize to be a multiple of microBatchSize x run.ranks',
  })
  .prefault({});
export type RlConfig = z.infer<typeof RlConfig>;

/** `stage.json` of this kind. */
export const RlStageFile = stageFileOf('rl', RlConfig);
