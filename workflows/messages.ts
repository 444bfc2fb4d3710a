import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CampaignStatus, Progress, StageStatus } from '../spec/index.ts';

/** Where the campaign stands. Answered by a closed campaign too. */
export const statusQuery = defineQuery<CampaignStatus>('status');

// Updates and not signals: the caller learns whether it was accepted, and returns when it is so.
/** Saves and frees every machine. Returns when no process is left. */
export const pauseUpdate = defineUpdate<CampaignStatus>('pause');
/** Goes on where the pause stopped. */
export const resumeUpdate = defineUpdate<CampaignStatus>('resume');
/** Starts a held stage again, with its budgets restored. */
export const retryStageUpdate = defineUpdate<CampaignStatus, [{ stage: string }]>('retryStage');
/** Lets the RL of one arm begin; of all, when none is named. */
export const approveUpdate = defineUpdate<CampaignStatus, [{ arm?: string }]>('approve');

// The same as signals, for clients that have no updates (tctl), and for the time in which no worker is there: a signal is kept, an update is
// not. Nobody is told whether it was accepted; what cannot be done is left undone.
export const pauseSignal = defineSignal('pause');
export const resumeSignal = defineSignal('resume');
export const retryStageSignal = defineSignal<[{ stage: string }]>('retryStage');
export const approveSignal = defineSignal<[{ arm?: string }?]>('approve');

/** From a stage to its campaign: it has changed. */
export const stageChangedSignal = defineSignal<[{ campaignRun: string; status: StageStatus }]>('stageChanged');
/** From the activity that watches a job to the campaign: how far it is. Sparse; the heartbeat is fresher. */
export const stageProgressSignal =
  defineSignal<[{ campaignRun: string; stage: string; progress: Progress }]>('stageProgress');

/** From a campaign to a stage: pause or go on. */
export const setPausedSignal = defineSignal<[boolean]>('setPaused');
/** From a campaign to a held stage: try again. */
export const retrySignal = defineSignal('retry');

export const stageStatusQuery = defineQuery<StageStatus>('status');
