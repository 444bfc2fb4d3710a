import { z } from 'zod';
import { batch, nucleus, temperature, tokens, whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from } from './shared.ts';

/** Samples a policy on the benchmarks and verifies every completion. */
export const EvaluateConfig = z
  .strictObject({
    samplesPerProblem: whole(1, 10_000)
      .default(4)
      .meta(from('ours', 'n: completions per problem; pass@1 is their mean.')),
    temperature: temperature().default(1).meta(from('ours', 'Sampling temperature.')),
    topP: nucleus().default(1).meta(from('ours', 'Nucleus of the sampling (top-p).')),
    greedy: z.boolean().default(true).meta(from('ours', 'Whether to add one completion at temperature 0.')),
    maxTokens: tokens().default(8192).meta(from('ours', 'Maximum length of a completion in tokens.')),
    problemsInFlight: batch().default(64).meta(from('ours', 'Problems that a shard samples at the same time.')),
    run: runOf('sampler'),
  })
  .prefault({});
export type EvaluateConfig = z.infer<typeof EvaluateConfig>;

/** `stage.json` of this kind. */
export const EvaluateStageFile = stageFileOf('evaluate', EvaluateConfig);
