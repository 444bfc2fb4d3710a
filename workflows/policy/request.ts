import type { CampaignSpec, Inputs, ManifestRef, StageKind, StageRequest, StageSlot } from '../../spec/index.ts';

/**
 * What a stage of the campaign is asked to do, from the spec and the stages that it reads.
 * @throws Error when an input has no result yet: a fault in the order of the recipe
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

/** Settings of a stage: the campaign's, with what its arm overrides. */
function configOf(spec: CampaignSpec, slot: StageSlot): CampaignSpec['stages'][StageKind] {
  if (slot.kind !== 'linearise') return spec.stages[slot.kind];
  const { name, ...own } = spec.arms.find(({ name }) => name === slot.arm) ?? {};
  return { ...spec.stages.linearise, ...own };
}
