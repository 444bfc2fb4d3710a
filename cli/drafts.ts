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

/** The first attempt at a stage as it would be asked for, before anything has run. */
export interface Draft {
  readonly slot: StageSlot;
  readonly request: JobRequest;
}

/**
 * Every stage of a campaign as the job that an executor would be asked for. Keys are not known before what a stage reads is there: those
 * here are made of the stage's name, and stand in their place.
 */
export function draftJobs(spec: CampaignSpec): Draft[] {
  const slots = planCampaign(spec);
  const results = new Map(slots.map((slot) => [slot.name, standIn(slot)]));
  return slots.map((slot) => {
    const { key } = standIn(slot);
    const stage = { ...stageRequest(spec, slot, results), key, codeVersion: 'draft' } as StageFile;
    const name = jobName(spec.name, slot.name, key, 0, 'draft');
    const asked = { arm: slot.arm, ownerRun: 'draft', microBatchScale: 1, excludedNodes: [] };
    return { slot, request: jobRequest({ name, campaignId: spec.name, attempt: 0 }, asked, stage, null) };
  });
}

function standIn({ name, kind }: StageSlot): ManifestRef {
  const key = createHash('sha256').update(name).digest('hex');
  return { kind, key, digest: key };
}
