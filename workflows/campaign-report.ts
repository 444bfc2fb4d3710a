import { ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { ManifestRef } from '../spec/index.ts';
import type { CampaignStages } from './campaign-stages.ts';
import { ACTIVITY_OPTIONS } from './timeouts.ts';

const activities = proxyActivities<Activities>(ACTIVITY_OPTIONS);

/** Attempts to publish a report before the campaign fails: a damaged store may damage every new report too. *Ours*. */
const PUBLISH_ATTEMPTS = 3;

/** Paths of the report in the store. */
export interface Report {
  readonly html: string;
  readonly json: string;
}

/** Publishes the report. Runs the analysis again when its files do not match their checksums. */
export async function publishReport(
  campaignId: string,
  stages: CampaignStages,
  analysis: ManifestRef,
): Promise<Report> {
  for (let attempt = 1; ; attempt++) {
    const status = stages.table.status();
    const { value: published } = await activities.publishReport({ campaignId, analysis, status });
    if (!('again' in published)) return published;
    if (attempt === PUBLISH_ATTEMPTS) {
      throw ApplicationFailure.nonRetryable(
        `the report was damaged right after it was written, ${attempt} times in a row: ${published.again}`,
        'InvalidInput',
      );
    }
    stages.table.forget('analyse', published.again);
    analysis = await stages.run('analyse');
  }
}
