import { z } from 'zod';
import { Run } from '../run.ts';
import { fraction, from } from './shared.ts';

/** Chooses the prompts that RL trains on: those which the SFT policy solves sometimes. */
export const CurriculumConfig = z
  .strictObject({
    samplesPerPrompt: z
      .int()
      .min(2)
      .default(16)
      .meta(from('ours', 'Completions per prompt. Below 8 the pass rate is coarse.')),
    passRate: z
      .strictObject({ min: fraction().default(0.01), max: fraction().default(0.75) })
      .refine((window) => window.min < window.max, { path: ['min'], message: 'expected a value below passRate.max' })
      .prefault({})
      .meta(from('ours', 'Kept window, inclusive. Neither 0 nor 1 gives a gradient.')),
    targetPrompts: z
      .int()
      .min(1)
      .default(8_700)
      .meta(from('paper, RL', 'Prompts wanted, at most; those nearest the middle of the window win.')),
    temperature: z.number().min(0).default(1).meta(from('ours', 'Sampling temperature.')),
    topP: fraction().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    maxTokens: z.int().min(1).default(8192).meta(from('ours', 'Longest completion in tokens.')),
    problemsInFlight: z.int().min(1).default(64).meta(from('ours', 'Prompts that a shard samples at the same time.')),
    run: Run,
  })
  .prefault({});
export type CurriculumConfig = z.infer<typeof CurriculumConfig>;
