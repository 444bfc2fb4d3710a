import type { DroppedTrace } from '../spec/curated-card.ts';
import type { DataCard } from '../spec/data-card.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { EvaluatedCompletion, PassRate, Solution, TrainingMetric } from '../spec/records.ts';
import type { StageFileOf } from '../spec/stage-file.ts';

/** A finished stage by its name, with the records that the report is made from. */
export interface FinishedStage<T> {
  readonly name: string;
  readonly manifest: Manifest;
  readonly records: readonly T[];
}

/** Everything that the report is made from. Trees are left out: they are large, and their counts are in the manifest of the search. */
export interface CampaignData {
  readonly stage: StageFileOf<'analyse'>;
  readonly manifests: ReadonlyMap<string, Manifest>;
  readonly evaluations: readonly FinishedStage<EvaluatedCompletion>[];
  readonly trainings: readonly FinishedStage<TrainingMetric>[];
  readonly curricula: readonly FinishedStage<PassRate>[];
  /** Null where the problems were prepared without one. */
  readonly dataCard: DataCard | null;
  readonly rewrites: readonly FinishedStage<Solution>[];
  /** Traces that became no solution, by name of the rewrite stage. */
  readonly drops: ReadonlyMap<string, readonly DroppedTrace[]>;
}

/** Arm of a stage by its name: `astro/sft` -> `astro`; null for stages that all arms share. */
export function armOf(name: string): string | null {
  const slash = name.indexOf('/');
  return slash < 0 ? null : name.slice(0, slash);
}
