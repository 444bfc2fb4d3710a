import { z } from 'zod';
import { Failure } from './failures.ts';
import { ManifestRef } from './manifest.ts';
import { Progress } from './progress.ts';
import { StageKind } from './stages.ts';

/** State of one stage of a campaign. */
export const StageState = z.enum([
  'pending', // its inputs are not there yet
  'blocked', // waits for an approval, or for another campaign that runs the same stage
  'starting',
  'running',
  'backing-off', // failed, and waits before the next attempt
  'pausing', // saves and frees its machines
  'paused',
  'held', // has spent its attempts and waits for retryStage
  'completed',
  'reused', // an equal stage had been finished before
  'failed',
  'cancelled',
]);
export type StageState = z.infer<typeof StageState>;

export const StageStatus = z.object({
  name: z.string(),
  kind: StageKind,
  arm: z.string().nullable(),
  key: z.string().nullable().describe('Key of the stage, once its inputs are known.'),
  state: StageState,
  why: z.string().nullable().describe('In words, why it is in this state, where that is not plain.'),
  attempt: z.int().min(0).nullable().describe('Number of the present or last execution.'),
  executions: z.int().min(0),
  failures: z.int().min(0),
  lastFailure: Failure.nullable(),
  progress: Progress.nullable().describe('As last told to the workflow; the heartbeat of its activity is fresher.'),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  workingSeconds: z.number().min(0).describe('Time in which its processes were there, over all executions.'),
  gpuHours: z.number().min(0),
  result: ManifestRef.nullable(),
});
export type StageStatus = z.infer<typeof StageStatus>;

export const CampaignPhase = z.enum(['running', 'pausing', 'paused', 'held', 'completed', 'failed', 'cancelled']);
export type CampaignPhase = z.infer<typeof CampaignPhase>;

/** Answer of the query `status`. */
export const CampaignStatus = z.object({
  campaignId: z.string(),
  name: z.string(),
  phase: CampaignPhase,
  stages: z.array(StageStatus),
  gpuHours: z.number().min(0),
  report: z.string().nullable().describe('Path of the HTML report in the store, once there is one.'),
});
export type CampaignStatus = z.infer<typeof CampaignStatus>;

/** A stage that has not begun. */
export function pendingStage(slot: { name: string; kind: StageKind; arm: string | null }): StageStatus {
  return {
    ...slot,
    key: null,
    state: 'pending',
    why: null,
    attempt: null,
    executions: 0,
    failures: 0,
    lastFailure: null,
    progress: null,
    startedAt: null,
    finishedAt: null,
    workingSeconds: 0,
    gpuHours: 0,
    result: null,
  };
}
