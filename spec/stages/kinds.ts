import { z } from 'zod';

/**
 * Kinds of stages. Apart from their settings, so that a program that asks for a kind does not load the settings of all.
 */
export const StageKind = z.enum([
  'prepare',
  'pretrain',
  'search',
  'linearise',
  'rewrite',
  'sft',
  'curriculum',
  'rl',
  'evaluate',
  'analyse',
]);
export type StageKind = z.infer<typeof StageKind>;

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
