import { z } from 'zod';
import { batch, fraction, nonzeroTemperature, nucleus, tokens, whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from } from './shared.ts';

/**
 * Whether any possible pass rate other than 0 and 1 lies in the window. RL learns nothing from a prompt with pass rate
 * 0 or 1.
 */
function isReachable(samples: number, { min, max }: { readonly min: number; readonly max: number }): boolean {
  const right = Math.max(1, Math.ceil(min * samples));
  return right < samples && right / samples <= max;
}

/** Selects the prompts for RL: those that the SFT policy solves sometimes, but not always. */
export const CurriculumConfig = withRules(
  z.strictObject({
    samplesPerPrompt: whole(2, 10_000)
      .default(16)
      .meta(from('ours', 'Completions per prompt. With fewer than 8, the pass rate is coarse.')),
    passRate: z
      .strictObject({ min: fraction().default(0.01), max: fraction().default(0.75) })
      .refine((window) => window.min < window.max, { path: ['min'], message: 'expected a value below passRate.max' })
      .prefault({})
      .meta(from('ours', 'Range of pass rates to keep, inclusive. Pass rates of 0 and 1 give no gradient.')),
    targetPrompts: whole(1, 100_000_000)
      .default(8_700)
      .meta(
        from('paper, RL', 'Maximum number of prompts to select. Prompts nearest the middle of the window come first.'),
      ),
    temperature: nonzeroTemperature()
      .default(1)
      .meta(
        from(
          'ours',
          'Sampling temperature. It must not be 0: then all samples of a prompt are equal, and no prompt would be kept.',
        ),
      ),
    topP: nucleus().default(1).meta(from('ours', 'Nucleus of the sampling (top-p).')),
    maxTokens: tokens().default(8192).meta(from('ours', 'Maximum length of a completion in tokens.')),
    problemsInFlight: batch().default(64).meta(from('ours', 'Prompts that a shard samples at the same time.')),
    run: runOf('sampler'),
  }),
  [
    {
      path: ['passRate'],
      expected: 'a window that contains a possible pass rate other than 0 and 1 (with n samples: 1/n, 2/n, ...)',
      holds: ({ samplesPerPrompt, passRate }) => isReachable(samplesPerPrompt, passRate),
    },
  ],
).prefault({});
export type CurriculumConfig = z.infer<typeof CurriculumConfig>;

/** `stage.json` of this kind. */
export const CurriculumStageFile = stageFileOf('curriculum', CurriculumConfig);
