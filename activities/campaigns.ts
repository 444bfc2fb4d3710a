import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { domainComplaints } from '../domains/domain.ts';
import { inputComplaints } from '../inputs/index.ts';
import { openStageElsewhere } from '../installation/index.ts';
import { unsupportedIn } from '../planner/index.ts';
import {
  type CampaignSpec,
  type CampaignStatus,
  type Complaint,
  InvalidInputError,
  type ManifestRef,
  parseCampaignSpec,
  planCampaign,
  StageStatus,
} from '../spec/index.ts';
import {
  CorruptFileError,
  campaignDir,
  OtherResultError,
  OtherVersionError,
  readManifest,
  rejectResult,
  stageDir,
  writeFileAtomic,
} from '../store/index.ts';
import type { Deps } from './deps.ts';
import { type PublishedPaths, publishCampaign } from './publish.ts';

/** The first and the last activity of a campaign: admission and the report. */
export function createCampaignActivities({ store, inputs, executor, engines, searchAttributes, client, log }: Deps) {
  const logDamage = (why: string, then: string) => log.warn({ why }, `damaged data in the store: ${then}`);

  return {
    /**
     * Parses a campaign spec. Then refuses faults that only the worker can see, such as an unknown domain or more GPUs
     * than there are, before anything starts.
     * @param input - the spec as it was sent
     */
    async admitCampaign({
      campaignId,
      input,
    }: {
      campaignId: string;
      input: unknown;
    }): Promise<{ spec: CampaignSpec; searchAttributes: boolean }> {
      const spec = parseCampaignSpec(input, 'the campaign spec');
      // All faults are collected, so that they can be fixed at once.
      const complaints = await domainComplaints(spec);
      for (const slot of planCampaign(spec)) {
        const message = executor.refuse({ ...slot, config: spec.stages[slot.kind] } as never);
        if (message !== null) complaints.push({ field: `stages.${slot.kind}.run`, message });
      }
      complaints.push(...unsupportedIn(spec, engines));
      complaints.push(...(await inputComplaints(spec.data, inputs, cancellationSignal())));
      const elsewhere = await openStageElsewhere(client, campaignId, activityInfo().taskQueue);
      if (elsewhere !== null) complaints.push({ field: 'the workflow id', message: elsewhere });
      if (complaints.length > 0) throw new InvalidInputError('the campaign spec', unique(complaints));
      const dir = campaignDir(store, campaignId);
      await mkdir(dir, { recursive: true });
      await writeFileAtomic(join(dir, 'spec.json'), `${JSON.stringify(spec, null, 2)}\n`);
      return { spec, searchAttributes };
    },

    /**
     * Asks stages for their status by query. Signals to a campaign can be forged; the answer to a query cannot.
     * @param stages - their names
     * @returns the status of each stage whose workflow exists
     */
    async askStages({ campaignId, stages }: { campaignId: string; stages: readonly string[] }): Promise<StageStatus[]> {
      const asked = stages.map(async (name) => {
        try {
          return [StageStatus.parse(await client.workflow.getHandle(`${campaignId}/${name}`).query('status'))];
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return [];
          throw error; // no worker has answered: Temporal retries
        }
      });
      return (await Promise.all(asked)).flat();
    },

    /**
     * Publishes the report with the facts of this campaign, because the analysis and other stages may have been run by
     * another campaign. A report that differs from what the analysis wrote is not published. Where store and history
     * disagree, the result in the store is set aside. The answer then asks the campaign to run the analysis again.
     */
    async publishReport({
      campaignId,
      analysis,
      status,
    }: {
      campaignId: string;
      analysis: ManifestRef;
      status: CampaignStatus;
    }): Promise<PublishedPaths | { readonly again: string }> {
      try {
        return await publishCampaign(store, campaignId, analysis, status, logDamage);
      } catch (error) {
        if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
        log.warn(
          { campaign: campaignId, why: error.message },
          'report does not match its manifest; the analysis runs again',
        );
        if (error instanceof OtherResultError) await rejectFolder(store, analysis);
        return { again: error.message };
      }
    },
  };
}

/**
 * Sets aside a result that is not the one in the history. The stage has to run again, because sealing would restore it.
 */
async function rejectFolder(store: string, { key }: ManifestRef): Promise<void> {
  const dir = stageDir(store, key);
  const other = readManifest(dir);
  if (other !== null) await rejectResult(dir, other);
}

const unique = (complaints: readonly Complaint[]): Complaint[] => [
  ...new Map(complaints.map((complaint) => [complaint.field + complaint.message, complaint])).values(),
];
