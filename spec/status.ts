import { z } from 'zod';
import { Account, NEW_ACCOUNT, type TimeKind } from './account.ts';
import { Incident } from './ledger.ts';
import { ManifestRef } from './manifest.ts';
import { Progress } from './progress.ts';
import { StageKind } from './stages/index.ts';

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

/** Messages that a workflow could not make sense of: they changed nothing. */
export const IgnoredMessages = z.object({
  times: z.int().min(1).describe('How many there were.'),
  last: z
    .object({ message: z.string(), why: z.string(), at: z.iso.datetime() })
    .describe('The last of them: its kind and name, in words why it was ignored, and when.'),
});
export type IgnoredMessages = z.infer<typeof IgnoredMessages>;

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
  incidents: z.array(Incident).describe('The last failures, oldest first.'),
  progress: Progress.nullable().describe('As last told to the workflow; the heartbeat of its activity is fresher.'),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  account: Account.describe('Where its time went, up to `accountedUntil`; what runs is charged when it ends.'),
  accountedUntil: z.iso.datetime().nullable(),
  gpuHours: z.number().min(0).describe('GPU-hours that its pods have held, useful or not.'),
  result: ManifestRef.nullable(),
  ignored: IgnoredMessages.optional().describe('Messages to its workflow that were ignored; absent without any.'),
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
  account: Account.describe('Sum of its stages: where they run side by side, more than the time on the clock.'),
  gpuHours: z.number().min(0),
  report: z.string().nullable().describe('Path of the HTML report in the store, once there is one.'),
  ignored: IgnoredMessages.optional().describe('Messages to its workflow that were ignored; absent without any.'),
});
export type CampaignStatus = z.infer<typeof CampaignStatus>;

/** What a state's time is charged to once it is over. */
const CHARGED_TO: Partial<Record<StageState, TimeKind>> = {
  starting: 'orchestrating',
  running: 'working',
  pausing: 'saving',
  'backing-off': 'backing-off',
  blocked: 'blocked',
  held: 'held',
  paused: 'paused',
};

/**
 * The account of a stage with the time since it was last charged, for whoever looks while it runs: an estimate, since only the end of an
 * execution tells what was start, what work and what was lost.
 * @param nowMs - ms since the epoch
 */
export function accountAt({ account, accountedUntil, state }: StageStatus, nowMs: number): Account {
  const kind = CHARGED_TO[state];
  if (kind === undefined || accountedUntil === null) return account;
  const since = Math.max(0, nowMs - Date.parse(accountedUntil)) / 1000;
  return { ...account, seconds: { ...account.seconds, [kind]: account.seconds[kind] + since } };
}

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
    incidents: [],
    progress: null,
    startedAt: null,
    finishedAt: null,
    account: NEW_ACCOUNT,
    accountedUntil: null,
    gpuHours: 0,
    result: null,
  };
}
