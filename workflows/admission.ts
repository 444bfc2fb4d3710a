import { ActivityFailure, ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { AdmittedCampaign } from './input/start.ts';
import { ACTIVITY_OPTIONS } from './timeouts.ts';

const { admitCampaign } = proxyActivities<Activities>(ACTIVITY_OPTIONS);

/**
 * Parses a campaign spec and admits the campaign. An activity does it, because the schema of a spec is large and every
 * workflow loads its own copy of all code that it can call.
 * @throws ApplicationFailure `InvalidInput`, non-retryable: lists every wrong field
 */
export async function admit(campaignId: string, input: unknown): Promise<AdmittedCampaign> {
  try {
    const { value } = await admitCampaign({ campaignId, input });
    refuseOlder(value);
    return value;
  } catch (error) {
    // The complaints are the failure of the campaign itself, like those about its other inputs.
    throw error instanceof ActivityFailure && isInvalidInput(error.cause) ? error.cause : error;
  }
}

const isInvalidInput = (cause: unknown): boolean =>
  cause instanceof ApplicationFailure && cause.type === 'InvalidInput' && cause.nonRetryable === true;

/** A task that fails with these words goes on under the older version, so nothing is lost. */
function refuseOlder(admitted: Partial<AdmittedCampaign> | undefined): void {
  if (admitted?.spec !== undefined) return;
  throw new Error(
    'an older version of orrery admitted this campaign, and this version cannot continue it: let a worker of that version finish it, or cancel it with such a worker and submit its spec again (finished stages are reused)',
  );
}
