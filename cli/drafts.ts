import { createHash } from 'node:crypto';
import type { JobRequest } from '../executor/index.ts';
import { jobName, jobRequest } from '../executor/index.ts';
import {
  type CampaignSpec,
  type ManifestRef,
  planCampaign,
  type StageFile,
  type StageSlot,
  stageRequest,
} from '../spec/index.ts';

/** The job request of the first attempt at a stage, before anything has run. */
export interface Draft {
  readonly slot: StageSlot;
  readonly request: JobRequest;
}

/**
 * The job request of every stage of a campaign. The key of a stage depends on its inputs, which do not exist yet, so
 * each request has a placeholder key derived from the stage's name.
 */
export function draftJobs(spec: CampaignSpec): Draft[] {
  const slots = planCampaign(spec);
  const results = new Map(slots.map((slot) => [slot.name, placeholderRef(slot)]));
  return slots.map((slot) => {
    const { key } = placeholderRef(slot);
    const stage = { ...stageRequest(spec, slot, results), key, codeVersion: 'draft' } as StageFile;
    const name = jobName(spec.name, slot.name, key, 0, 'draft');
    const run = { arm: slot.arm, ownerRun: 'draft', microBatchScale: 1, excludedNodes: [] };
    return { slot, request: jobRequest({ name, campaignId: spec.name, attempt: 0 }, run, stage, null) };
  });
}

function placeholderRef({ name, kind }: StageSlot): ManifestRef {
  const key = createHash('sha256').update(name).digest('hex');
  return { kind, key, digest: key };
}
