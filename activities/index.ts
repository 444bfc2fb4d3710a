import type { WorkerOptions } from '@temporalio/worker';
import { createCampaignActivities } from './campaigns.ts';
import { ACTIVITY_CONVERTER } from './data-converter.ts';
import type { Deps } from './deps.ts';
import { type Answered, activityInterceptor } from './interceptor.ts';
import { createJobActivities } from './jobs.ts';
import { createStageActivities } from './stages.ts';

export type { JobRef } from '../executor/index.ts';
export type { Deps } from './deps.ts';
export type { Timed } from './interceptor.ts';
export type { EndedExecution } from './jobs.ts';
export type { StartStage } from './stages.ts';

/**
 * Every activity of orrery. Each may run twice: names are derived from the input, and an existing result is adopted.
 */
const createActivities = (deps: Deps) => ({
  ...createCampaignActivities(deps),
  ...createStageActivities(deps),
  ...createJobActivities(deps),
});

/** The functions that a worker registers. */
export type ActivityFunctions = ReturnType<typeof createActivities>;

/** Activities as workflows see them. */
export type Activities = Answered<ActivityFunctions>;

/** Activities and their interceptor in one value, so that no worker runs the activities without the interceptor. */
export const activityOptions = (deps: Deps) =>
  ({
    activities: createActivities(deps),
    interceptors: { activity: [activityInterceptor(deps.store)] },
    dataConverter: ACTIVITY_CONVERTER,
  }) satisfies Partial<WorkerOptions>;
