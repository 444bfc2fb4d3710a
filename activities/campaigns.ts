import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CampaignSpec,
  type Complaint,
  FILES,
  InvalidInputError,
  type ManifestRef,
  parseOrRefuse,
  planCampaign,
} from '../spec/index.ts';
import { loadDomain } from '../stages/domain.ts';
import { campaignDir, dataDir, stageDir, writeFileAtomic } from '../store/index.ts';
import type { Deps } from './deps.ts';
import { translated } from './failures.ts';

/** The door of a campaign, and its last step. */
export function createCampaignActivities({ store, refusalOf, searchAttributes }: Deps) {
  return {
    /** Refuses what only this side can see to be wrong (no such domain, more GPUs than there are), before anything is started. */
    admitCampaign: ({
      campaignId,
      spec,
    }: {
      campaignId: string;
      spec: CampaignSpec;
    }): Promise<{ searchAttributes: boolean }> =>
      translated(async () => {
        const domain = await loadDomain(spec.domain.name);
        parseOrRefuse(domain.settings, spec.domain.settings, 'domain.settings');
        const complaints = planCampaign(spec).flatMap((slot): Complaint[] => {
          const message = refusalOf({ ...slot, config: spec.stages[slot.kind] } as never);
          return message === null ? [] : [{ field: `stages.${slot.kind}.run`, message }];
        });
        if (complaints.length > 0) throw new InvalidInputError('the campaign spec', unique(complaints));
        const dir = campaignDir(store, campaignId);
        await mkdir(dir, { recursive: true });
        await writeFileAtomic(join(dir, 'spec.json'), `${JSON.stringify(spec, null, 2)}\n`);
        return { searchAttributes };
      }),

    /** Puts the report where a person looks for it. */
    publishReport: ({
      campaignId,
      analysis,
    }: {
      campaignId: string;
      analysis: ManifestRef;
    }): Promise<{ html: string; json: string }> =>
      translated(async () => {
        const dir = campaignDir(store, campaignId);
        await mkdir(dir, { recursive: true });
        const from = dataDir(stageDir(store, analysis.key));
        const html = join(dir, FILES.analyse.html);
        const json = join(dir, FILES.analyse.json);
        await copyFile(join(from, FILES.analyse.html), html);
        await copyFile(join(from, FILES.analyse.json), json);
        return { html, json };
      }),
  };
}

const unique = (complaints: readonly Complaint[]): Complaint[] => [
  ...new Map(complaints.map((complaint) => [complaint.field + complaint.message, complaint])).values(),
];
