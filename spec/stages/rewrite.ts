import { z } from 'zod';
import { Run } from '../run.ts';
import { fraction, from } from './shared.ts';

/** Rewrites traces node by node as chains of thought with fixed reflection phrases. */
export const RewriteConfig = z
  .strictObject({
    attemptsPerStep: z
      .int()
      .min(1)
      .default(3)
      .meta(from('ours', 'Times a step is asked for before its solution is dropped.')),
    temperature: z.number().min(0).default(0.7).meta(from('ours', 'Sampling temperature of the rewriting.')),
    maxStepTokens: z.int().min(1).default(512).meta(from('ours', 'Longest rewritten step in tokens.')),
    reflectAboveQ: fraction()
      .default(0.75)
      .meta(from('ours', 'Q from which an intermediate node gets a positive reflection (the paper: "high Q").')),
    reflectProbability: fraction().default(0.2).meta(from('ours', 'Share of the nodes of high Q that get one.')),
    targetSolutions: z
      .int()
      .min(1)
      .default(36_100)
      .meta(
        from(
          'paper, procedure cloning',
          'Curated solutions wanted. A dropped one is replaced by the next trace while there are any.',
        ),
      ),
    solutionsInFlight: z
      .int()
      .min(1)
      .default(64)
      .meta(from('ours', 'Solutions that a shard rewrites at the same time.')),
    run: Run,
  })
  .prefault({});
export type RewriteConfig = z.infer<typeof RewriteConfig>;
