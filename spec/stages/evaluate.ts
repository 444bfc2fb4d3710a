import { z } from 'zod';
import { batch, nucleus, temperature, tokens, whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { from } from './shared.ts';

/** Samples a policy on the benchmarks and has every completion verified. */
export const EvaluateConfig = z
  .strictObject({
    samplesPerProblem: whole(1, 10_000)
      .default(4)
      .meta(from('ours', 'n: completions per problem; pass@1 is their mean.')),
    temperature: temperature().default(1).meta(from('ours', 'Sampling temperature.')),
    topP: nucleus().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    greedy: z.boolean().default(true).meta(from('ours', 'One completion at temperature 0 beside the samples.')),
    maxTokens: tokens().default(8192).meta(from('ours', 'Longest completion in tokens.')),
    problemsInFlight: batch().default(64).meta(from('ours', 'Problems that a shard samples at the same time.')),
    run: runOf('sampler'),
  })
  .prefault({});
export type EvaluateConfig = z.infer<typeof EvaluateConfig>;
