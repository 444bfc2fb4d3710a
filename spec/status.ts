import { z } from 'zod';
import { Account } from './account.ts';
import { Incident } from './ledger.ts';
import { ManifestRef } from './manifest.ts';
import { Progress } from './progress.ts';
import { StageKind } from './stages/kinds.ts';

/** State of one stage of a campaign. */
export const StageState = z.enum([
  'pending', // waits for its inputs
  'blocked', // waits for an approval, or for another campaign that runs the same stage
  'starting',
  'running',
  'backing-off', // waits before the next attempt after a failure
  'pausing', // saves its work and releases its machines
  'paused',
  'held', // has used up its attempts and waits for retryStage
  'completed',
  'reused', // an equal stage had finished before
  'failed',
  'cancelled',
]);
export type StageState = z.infer<typeof StageState>;

/** Messages that a workflow ignored because they were invalid. */
export const IgnoredMessages = z.object({
  times: z.int().min(1).describe('Number of ignored messages.'),
  last: z
    .object({ message: z.string(), why: z.string(), at: z.iso.datetime() })
    .describe('The last ignored message: its kind and name, why it was ignored, and when.'),
});
export type IgnoredMessages = z.infer<typeof IgnoredMessages>;

export const StageStatus = z.object({
  name: z.string(),
  kind: StageKind,
  arm: z.string().nullable(),
  key: z.string().nullable().describe('Key of the stage, once its inputs are known.'),
  state: StageState,
  why: z.string().nullable().describe('Why the stage is in this state, for states that need an explanation.'),
  attempt: z.int().min(0).nullable().describe('Number of the current or last execution.'),
  executions: z.int().min(0),
  failures: z.int().min(0),
  incidents: z.array(Incident).describe('The last failures, oldest first.'),
  progress: Progress.nullable().describe(
    'The last progress sent to the workflow. The heartbeat of its activity is newer.',
  ),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  account: Account.describe(
    'Where its time went, up to `accountedUntil`. The time of a running execution is added when it ends.',
  ),
  accountedUntil: z.iso.datetime().nullable(),
  gpuHours: z.number().min(0).describe('GPU-hours allocated to its pods, whether used or not.'),
  result: ManifestRef.nullable(),
  ignored: IgnoredMessages.optional().describe('Ignored messages to its workflow; missing when there are none.'),
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
  account: Account.describe('Sum over its stages. It exceeds the elapsed time when stages run in parallel.'),
  gpuHours: z.number().min(0),
  report: z.string().nullable().describe('Path of the HTML report in the store; null until it is published.'),
  ignored: IgnoredMessages.optional().describe('Ignored messages to its workflow; missing when there are none.'),
});
export type CampaignStatus = z.infer<typeof CampaignStatus>;
