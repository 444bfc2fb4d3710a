import { z } from 'zod';
import { batch, fraction, temperature, tokens, whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { from } from './shared.ts';

/** Rewrites traces node by node as chains of thought with fixed reflection phrases. */
export const RewriteConfig = z
  .strictObject({
    attemptsPerStep: whole(1, 1000)
      .default(3)
      .meta(from('ours', 'Times a step is asked for before its solution is dropped.')),
    temperature: temperature().default(0.7).meta(from('ours', 'Sampling temperature of the rewriting.')),
    maxStepTokens: tokens().default(512).meta(from('ours', 'Longest rewritten step in tokens.')),
    reflectAboveQ: fraction()
      .default(0.75)
      .meta(from('ours', 'Q from which an intermediate node gets a positive reflection (the paper: "high Q").')),
    reflectProbability: fraction().default(0.2).meta(from('ours', 'Share of the nodes of high Q that get one.')),
    targetSolutions: whole(1, 100_000_000)
      .default(36_100)
      .meta(
        from(
          'paper, procedure cloning',
          'Curated solutions wanted. A dropped one is replaced by the next trace while there are any.',
        ),
      ),
    solutionsInFlight: batch().default(64).meta(from('ours', 'Solutions that a shard rewrites at the same time.')),
    run: runOf('sampler'),
  })
  .prefault({});
export type RewriteConfig = z.infer<typeof RewriteConfig>;
