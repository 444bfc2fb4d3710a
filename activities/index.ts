import { createCampaignActivities } from './campaigns.ts';
import type { Deps } from './deps.ts';
import { withFailureMapping } from './failures.ts';
import { createJobActivities } from './jobs.ts';
import { createStageActivities } from './stages.ts';

export type { Deps } from './deps.ts';
export type { JobRef } from './job-request.ts';
export type { StartAttempt } from './stages.ts';
export type { Timed } from './timed.ts';

/** Every activity of orrery. Each may run twice: names are derived, and what is there is adopted. */
export const createActivities = (deps: Deps) =>
  withFailureMapping(
    {
      ...createCampaignActivities(deps),
      ...createStageActivities(deps),
      ...createJobActivities(deps),
    },
    deps.store,
  );

export type Activities = ReturnType<typeof createActivities>;
