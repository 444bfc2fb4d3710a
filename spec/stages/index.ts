import type { z } from 'zod';
import { AnalyseConfig } from './analyse.ts';
import { CurriculumConfig } from './curriculum.ts';
import { EvaluateConfig } from './evaluate.ts';
import type { StageKind } from './kinds.ts';
import { LineariseConfig } from './linearise.ts';
import { PrepareConfig } from './prepare.ts';
import { PretrainConfig } from './pretrain.ts';
import { RewriteConfig } from './rewrite.ts';
import { RlConfig } from './rl.ts';
import { SearchConfig } from './search.ts';
import { SftConfig } from './sft.ts';

export * from './analyse.ts';
export * from './curriculum.ts';
export * from './evaluate.ts';
export * from './kinds.ts';
export * from './linearise.ts';
export * from './prepare.ts';
export * from './pretrain.ts';
export * from './rewrite.ts';
export * from './rl.ts';
export * from './search.ts';
export * from './sft.ts';

/** Settings by kind of stage. */
export const STAGE_CONFIGS = {
  prepare: PrepareConfig,
  pretrain: PretrainConfig,
  search: SearchConfig,
  linearise: LineariseConfig,
  rewrite: RewriteConfig,
  sft: SftConfig,
  curriculum: CurriculumConfig,
  rl: RlConfig,
  evaluate: EvaluateConfig,
  analyse: AnalyseConfig,
} as const satisfies Record<StageKind, z.ZodType>;

export type StageConfig<K extends StageKind = StageKind> = z.infer<(typeof STAGE_CONFIGS)[K]>;
