import { z } from 'zod';
import { Run } from '../run.ts';
import { fraction, from } from './shared.ts';

/** Samples a policy on the benchmarks and has every completion verified. */
export const EvaluateConfig = z
  .strictObject({
    samplesPerProblem: z
      .int()
      .min(1)
      .default(4)
      .meta(from('ours', 'n: completions per problem; pass@1 is their mean.')),
    temperature: z.number().min(0).default(1).meta(from('ours', 'Sampling temperature.')),
    topP: fraction().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    greedy: z.boolean().default(true).meta(from('ours', 'One completion at temperature 0 beside the samples.')),
    maxTokens: z.int().min(1).default(8192).meta(from('ours', 'Longest completion in tokens.')),
    problemsInFlight: z.int().min(1).default(64).meta(from('ours', 'Problems that a shard samples at the same time.')),
    run: Run,
  })
  .prefault({});
export type EvaluateConfig = z.infer<typeof EvaluateConfig>;
