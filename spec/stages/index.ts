import { z } from 'zod';
import { AnalyseConfig } from './analyse.ts';
import { CurriculumConfig } from './curriculum.ts';
import { EvaluateConfig } from './evaluate.ts';
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
} as const;

export const StageKind = z.enum(
  Object.keys(STAGE_CONFIGS) as [keyof typeof STAGE_CONFIGS, ...(keyof typeof STAGE_CONFIGS)[]],
);
export type StageKind = z.infer<typeof StageKind>;
export type StageConfig<K extends StageKind = StageKind> = z.infer<(typeof STAGE_CONFIGS)[K]>;

/** Kinds that sample a policy. Each of their pods has its own policy server. */
export const USES_POLICY_SERVER: ReadonlySet<StageKind> = new Set([
  'search',
  'linearise',
  'rewrite',
  'curriculum',
  'evaluate',
]);
/** Kinds that are Python trainers. Their pods are ranks of a gang. */
export const IS_TRAINER: ReadonlySet<StageKind> = new Set(['pretrain', 'sft', 'rl']);
