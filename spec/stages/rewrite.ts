import { z } from 'zod';
import { batch, fraction, temperature, tokens, whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from } from './shared.ts';

/** Rewrites traces, node by node, as chains of thought with fixed reflection phrases. */
export const RewriteConfig = z
  .strictObject({
    attemptsPerStep: whole(1, 1000)
      .default(3)
      .meta(from('ours', 'Number of attempts to rewrite a step before its solution is dropped.')),
    temperature: temperature().default(0.7).meta(from('ours', 'Sampling temperature of the rewriting.')),
    maxStepTokens: tokens().default(512).meta(from('ours', 'Maximum length of a rewritten step in tokens.')),
    reflectAboveQ: fraction()
      .default(0.75)
      .meta(from('ours', 'Minimum Q of intermediate nodes that may get a positive reflection (the paper: "high Q").')),
    reflectProbability: fraction()
      .default(0.2)
      .meta(from('ours', 'Fraction of the nodes with high Q that get a reflection.')),
    targetSolutions: whole(1, 100_000_000)
      .default(36_100)
      .meta(
        from(
          'paper, procedure cloning',
          'Number of curated solutions to make. A dropped solution is replaced from the next trace, as long as there are traces.',
        ),
      ),
    solutionsInFlight: batch().default(64).meta(from('ours', 'Solutions that a shard rewrites at the same time.')),
    run: runOf('sampler'),
  })
  .prefault({});
export type RewriteConfig = z.infer<typeof RewriteConfig>;

/** `stage.json` of this kind. */
export const RewriteStageFile = stageFileOf('rewrite', RewriteConfig);
