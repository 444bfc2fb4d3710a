import { z } from 'zod';
import { AnalyseStageFile } from './stages/analyse.ts';
import { CurriculumStageFile } from './stages/curriculum.ts';
import { EvaluateStageFile } from './stages/evaluate.ts';
import { IS_TRAINER, type StageKind } from './stages/kinds.ts';
import { LineariseStageFile } from './stages/linearise.ts';
import { PrepareStageFile } from './stages/prepare.ts';
import { PretrainStageFile } from './stages/pretrain.ts';
import { RewriteStageFile } from './stages/rewrite.ts';
import { RlStageFile } from './stages/rl.ts';
import { SearchStageFile } from './stages/search.ts';
import { SftStageFile } from './stages/sft.ts';

/**
 * `stage.json`: the complete input of a stage program, whose path is in `ORRERY_STAGE_FILE`. Python programs validate
 * it against the JSON Schema that is exported from here (`spec/schemas/stage-file-<kind>.json`).
 */
export const StageFile = z.discriminatedUnion('kind', [
  PrepareStageFile,
  PretrainStageFile,
  SearchStageFile,
  LineariseStageFile,
  RewriteStageFile,
  SftStageFile,
  CurriculumStageFile,
  RlStageFile,
  EvaluateStageFile,
  AnalyseStageFile,
]);
export type StageFile = z.infer<typeof StageFile>;
export type StageFileOf<K extends StageKind> = Extract<StageFile, { kind: K }>;

/** A stage file without the fields that the worker computes. */
export type StageRequest = { [K in StageKind]: Omit<StageFileOf<K>, 'key' | 'codeVersion' | 'dataFiles'> }[StageKind];

/** Number of pods that publish a part and report progress: every shard, or only rank 0 of a gang. */
export const publishersOf = ({ kind, config }: Pick<StageFile, 'kind' | 'config'>): number =>
  IS_TRAINER.has(kind) ? 1 : config.run.shards;
