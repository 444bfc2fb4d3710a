import type { DroppedTrace } from '../spec/curated-card.ts';
import type { DataCard } from '../spec/data-card.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { EvaluatedCompletion, PassRate, Solution, TrainingMetric } from '../spec/records.ts';
import type { StageFileOf } from '../spec/stage-file.ts';

/** A finished stage by name, with the records that the report uses. */
export interface FinishedStage<T> {
  readonly name: string;
  readonly manifest: Manifest;
  readonly records: readonly T[];
}

/**
 * The input of the report. Trees are left out, because they are large and their counts are in the manifest of the
 * search.
 */
export interface CampaignData {
  readonly stage: StageFileOf<'analyse'>;
  readonly manifests: ReadonlyMap<string, Manifest>;
  readonly evaluations: readonly FinishedStage<EvaluatedCompletion>[];
  readonly trainings: readonly FinishedStage<TrainingMetric>[];
  readonly curricula: readonly FinishedStage<PassRate>[];
  /** Null when the problems were prepared without a data card. */
  readonly dataCard: DataCard | null;
  readonly rewrites: readonly FinishedStage<Solution>[];
  /** Traces that became no solution, by the name of the rewrite stage. */
  readonly drops: ReadonlyMap<string, readonly DroppedTrace[]>;
}

/** Arm of a stage, from its name: `astro/sft` -> `astro`; null for stages that all arms share. */
export function armOf(name: string): string | null {
  const slash = name.indexOf('/');
  return slash < 0 ? null : name.slice(0, slash);
}
