import { z } from 'zod';
import { Run } from '../run.ts';
import { from } from './shared.ts';

/** The report. */
export const AnalyseConfig = z
  .strictObject({
    confidence: z.number().gt(0.5).lt(1).default(0.95).meta(from('ours', 'Level of every interval.')),
    bootstrapResamples: z
      .int()
      .min(100)
      .default(10_000)
      .meta(from('ours', 'Resamples over problems behind each bootstrap interval.')),
    solutionGraphs: z.int().min(0).default(6).meta(from('ours', 'Solutions drawn as graphs beside their text.')),
    run: Run,
  })
  .prefault({});
export type AnalyseConfig = z.infer<typeof AnalyseConfig>;
