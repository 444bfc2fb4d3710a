import { z } from 'zod';
import { whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { from } from './shared.ts';

/** The report. */
export const AnalyseConfig = z
  .strictObject({
    confidence: z.number().gt(0.5).max(0.9999).default(0.95).meta(from('ours', 'Confidence level of every interval.')),
    bootstrapResamples: whole(100, 1_000_000)
      .default(10_000)
      .meta(from('ours', 'Number of resamples over problems for each bootstrap interval.')),
    solutionGraphs: whole(0, 100)
      .default(6)
      .meta(from('ours', 'Number of solutions shown as graphs beside their text.')),
    run: runOf('single'),
  })
  .prefault({});
export type AnalyseConfig = z.infer<typeof AnalyseConfig>;
