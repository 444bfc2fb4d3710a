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

/** The door of a campaign, and its last step. */
export function createCampaignActivities({ store, inputs, executor, engines, searchAttributes, client, log }: Deps) {
  const rejected = (why: string, then: string) => log.warn({ why }, `damaged data in the store: ${then}`);

  return {
    /** Refuses what only this side can see to be wrong (no such domain, more GPUs than there are), before anything is started. */
    async admitCampaign({
      campaignId,
      spec,
    }: {
      campaignId: string;
      spec: CampaignSpec;
    }): Promise<{ searchAttributes: boolean }> {
      // All at once: who mends one field is not to be told of the next only then.
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
      return { searchAttributes };
    },

    /**
     * How stages stand by their own word. Anyone can send a campaign signals in their name; nobody can answer a query in their place.
     * @param stages - their names
     * @returns of each that there is; one whose workflow is gone is left out
     */
    async askStages({ campaignId, stages }: { campaignId: string; stages: readonly string[] }): Promise<StageStatus[]> {
      const asked = stages.map(async (name) => {
        try {
          return [StageStatus.parse(await client.workflow.getHandle(`${campaignId}/${name}`).query('status'))];
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return [];
          throw error; // no worker has answered: ask again
        }
      });
      return (await Promise.all(asked)).flat();
    },

    /**
     * Puts the report where a person looks for it, with what belongs to this very campaign: its stages, and its analysis, may be another's.
     * A report that is not what the campaign's analysis left is not published: it is set aside where the store says otherwise than the
     * history, and the answer asks for the analysis to be made again.
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
        return await publishCampaign(store, campaignId, analysis, status, rejected);
      } catch (error) {
        if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
        log.warn({ campaign: campaignId, why: error.message }, 'the report does not hold; the analysis is made again');
        if (error instanceof OtherResultError) await rejectFolder(store, analysis);
        return { again: error.message };
      }
    },
  };
}

/** What another result stands in the place of the one that the history holds: it has to be made again, not sealed again. */
async function rejectFolder(store: string, { key }: ManifestRef): Promise<void> {
  const dir = stageDir(store, key);
  const other = readManifest(dir);
  if (other !== null) await rejectResult(dir, other);
}

const unique = (complaints: readonly Complaint[]): Complaint[] => [
  ...new Map(complaints.map((complaint) => [complaint.field + complaint.message, complaint])).values(),
];
