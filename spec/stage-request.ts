import type { CampaignSpec } from './campaign.ts';
import type { Inputs, ManifestRef } from './manifest.ts';
import type { StageSlot } from './plan.ts';
import type { StageRequest } from './stage-file.ts';
import type { StageKind } from './stages/kinds.ts';

/**
 * Builds the request of a stage from the campaign spec and the results of the stages that it reads.
 * @throws Error when an input has no result yet: the recipe runs the stages in the wrong order
 */
export function stageRequest(
  spec: CampaignSpec,
  slot: StageSlot,
  results: ReadonlyMap<string, ManifestRef>,
): StageRequest {
  const inputs: Inputs = {};
  for (const [role, name] of Object.entries(slot.reads)) {
    const result = results.get(name);
    if (result === undefined) throw new Error(`${slot.name} reads ${name}, which has no result`);
    inputs[role] = result;
  }
  const { seed, domain, policy } = spec;
  const common = { schemaVersion: 1 as const, name: slot.name, seed, domain, policy, inputs };
  const config = configOf(spec, slot);
  switch (slot.kind) {
    case 'prepare':
      return { ...common, kind: slot.kind, config, data: spec.data } as StageRequest;
    case 'analyse':
      return { ...common, kind: slot.kind, config, arms: spec.arms.map((arm) => arm.name) } as StageRequest;
    default:
      return { ...common, kind: slot.kind, config } as StageRequest;
  }
}

/** Settings of a stage: those of the campaign, with the overrides of its arm. */
function configOf(spec: CampaignSpec, slot: StageSlot): CampaignSpec['stages'][StageKind] {
  if (slot.kind !== 'linearise') return spec.stages[slot.kind];
  const { name, ...own } = spec.arms.find(({ name }) => name === slot.arm) ?? {};
  return { ...spec.stages.linearise, ...own };
}
