import { z } from 'zod';
import { batch, fraction, nucleus, tokens, warmTemperature, whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { from } from './shared.ts';

/** Whether some of the samples being right can fall into the window; all or none of them teach RL nothing. */
function isReachable(samples: number, { min, max }: { readonly min: number; readonly max: number }): boolean {
  const right = Math.max(1, Math.ceil(min * samples));
  return right < samples && right / samples <= max;
}

/** Chooses the prompts that RL trains on: those which the SFT policy solves sometimes. */
export const CurriculumConfig = withRules(
  z.strictObject({
    samplesPerPrompt: whole(2, 10_000)
      .default(16)
      .meta(from('ours', 'Completions per prompt. Below 8 the pass rate is coarse.')),
    passRate: z
      .strictObject({ min: fraction().default(0.01), max: fraction().default(0.75) })
      .refine((window) => window.min < window.max, { path: ['min'], message: 'expected a value below passRate.max' })
      .prefault({})
      .meta(from('ours', 'Kept window, inclusive. Neither 0 nor 1 gives a gradient.')),
    targetPrompts: whole(1, 100_000_000)
      .default(8_700)
      .meta(from('paper, RL', 'Prompts wanted, at most; those nearest the middle of the window win.')),
    temperature: warmTemperature()
      .default(1)
      .meta(
        from(
          'ours',
          'Sampling temperature. Not 0: equal samples are all right or all wrong, and no prompt would be kept.',
        ),
      ),
    topP: nucleus().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    maxTokens: tokens().default(8192).meta(from('ours', 'Longest completion in tokens.')),
    problemsInFlight: batch().default(64).meta(from('ours', 'Prompts that a shard samples at the same time.')),
    run: runOf('sampler'),
  }),
  [
    {
      path: ['passRate'],
      expected:
        'a window with a pass rate in it that samplesPerPrompt can give, other than 0 and 1 (for example 1 of n)',
      holds: ({ samplesPerPrompt, passRate }) => isReachable(samplesPerPrompt, passRate),
    },
  ],
).prefault({});
export type CurriculumConfig = z.infer<typeof CurriculumConfig>;
