import type { CampaignSpec } from './campaign.ts';
import type { StageKind } from './stages/kinds.ts';
import { UNTIL } from './until.ts';

/** A planned stage of a campaign: its name, kind and arm, and the stages that it reads. */
export interface StageSlot {
  readonly name: string;
  readonly kind: StageKind;
  readonly arm: string | null;
  /** Role of an input -> name of the stage that makes it. */
  readonly reads: Readonly<Record<string, string>>;
}

/** Names of the stages of one arm. */
export const ARM_STAGES = ['linearise', 'rewrite', 'sft', 'evaluate-sft', 'curriculum', 'rl', 'evaluate-rl'] as const;
export type ArmStage = (typeof ARM_STAGES)[number];

/** Every stage of a campaign in the order of the recipe. The status lists them in this order. */
export function planCampaign(spec: CampaignSpec): StageSlot[] {
  const base: Record<string, string> = spec.policy.type === 'pretrain' ? { policy: 'pretrain' } : {};
  const shared: StageSlot[] = [
    slot('prepare', 'prepare', null, {}),
    ...(spec.policy.type === 'pretrain' ? [slot('pretrain', 'pretrain', null, {})] : []),
    slot('evaluate-base', 'evaluate', null, { prompts: 'prepare', ...base }),
    slot('search', 'search', null, { prompts: 'prepare', ...base }),
  ];
  const arms = spec.arms.flatMap(({ name: arm }) => {
    const of = (stage: ArmStage) => `${arm}/${stage}`;
    return [
      slot(of('linearise'), 'linearise', arm, { trees: 'search', ...base }),
      slot(of('rewrite'), 'rewrite', arm, { traces: of('linearise'), ...base }),
      slot(of('sft'), 'sft', arm, { solutions: of('rewrite'), ...base }),
      slot(of('evaluate-sft'), 'evaluate', arm, { prompts: 'prepare', policy: of('sft') }),
      slot(of('curriculum'), 'curriculum', arm, { prompts: 'prepare', policy: of('sft') }),
      slot(of('rl'), 'rl', arm, { prompts: of('curriculum'), policy: of('sft') }),
      slot(of('evaluate-rl'), 'evaluate', arm, { prompts: 'prepare', policy: of('rl') }),
    ];
  });
  const wanted = [...shared, ...arms].filter(({ name, kind }) => isWanted(name, kind, spec.until));
  const everything = wanted.map(({ name }) => [name, name] as const);
  return [...wanted, slot('analyse', 'analyse', null, Object.fromEntries(everything))];
}

/**
 * Whether SFT or RL trains on data that the stage makes, directly or through other stages. Policies do not count,
 * because they are never empty. Pure.
 */
export function feedsTraining(name: string, plan: readonly StageSlot[]): boolean {
  return plan.some(({ name: reader, kind, reads }) => {
    const isRead = Object.entries(reads).some(([role, read]) => role !== 'policy' && read === name);
    // The report reads every stage, and an empty result does not stop it.
    return isRead && kind !== 'analyse' && (kind === 'sft' || kind === 'rl' || feedsTraining(reader, plan));
  });
}

/**
 * Whether a campaign that ends after `until` includes the stage. The base policy is evaluated for comparison with the
 * SFT policy, so only if there is one.
 */
function isWanted(name: string, kind: StageKind, until: CampaignSpec['until']): boolean {
  if (until === undefined) return true;
  const last = UNTIL.indexOf(until);
  const trainedBefore = (stage: (typeof UNTIL)[number]) => UNTIL.indexOf(stage) <= last;
  if (kind === 'evaluate') return trainedBefore(name.endsWith('evaluate-rl') ? 'rl' : 'sft');
  const place = (UNTIL as readonly StageKind[]).indexOf(kind);
  return place <= last;
}

function slot(name: string, kind: StageKind, arm: string | null, reads: Record<string, string>): StageSlot {
  return { name, kind, arm, reads };
}
