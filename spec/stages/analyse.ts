import { z } from 'zod';
import { whole } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
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

/** `stage.json` of this kind. */
export const AnalyseStageFile = stageFileOf('analyse', AnalyseConfig).extend({
  arms: z
    .array(z.string())
    .describe('Names of the arms in the order of the spec. Their inputs are named <arm>/<stage>.'),
});
