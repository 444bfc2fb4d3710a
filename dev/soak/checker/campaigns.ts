import type { CampaignEnd } from './evidence.ts';
import type { Report } from './violations.ts';

/** Of the answer to the query `status`, what is looked at. */
export interface CampaignStatusJson {
  readonly campaignId: string;
  readonly phase: string;
  readonly report: string | null;
  readonly stages: readonly StageStatusJson[];
}

export interface StageStatusJson {
  readonly name: string;
  readonly kind: string;
  readonly key: string | null;
  readonly state: string;
  readonly why: string | null;
  readonly attempt: number | null;
  readonly executions: number;
  readonly incidents: readonly IncidentJson[];
  readonly result: { readonly key: string; readonly digest: string } | null;
}

export interface IncidentJson {
  readonly class: string;
  readonly message: string;
  readonly attempt: number;
  readonly at: string;
}

/** Whether a stage has come to its result. */
export const isEnded = (state: string): boolean => state === 'completed' || state === 'reused';

/** Every campaign is through, every stage of it has a result, and Temporal knows of one campaign an id. */
export function checkCampaigns(ends: readonly CampaignEnd[], report: Report): CampaignStatusJson[] {
  for (const { id, workflow, status, runs } of ends) {
    if (workflow !== 'COMPLETED') report('lost', id, `expected the workflow to be COMPLETED, but it is ${workflow}`);
    const begun = runs.filter(({ continuedFrom }) => continuedFrom === null);
    if (begun.length !== 1) report('doubled', id, `expected one campaign of this id, but ${begun.length} were begun`);
    if (status === null) report('lost', id, 'nobody answered the query `status`');
  }
  const statuses = ends.flatMap(({ status }) => (status === null ? [] : [status as CampaignStatusJson]));
  for (const { campaignId, phase, report: page, stages } of statuses) {
    if (phase !== 'completed') report('lost', campaignId, `expected the phase to be completed, but it is ${phase}`);
    if (page === null) report('lost', campaignId, 'expected a report, but there is none');
    for (const { name, state, why, result } of stages) {
      const where = `${campaignId}: ${name}`;
      if (state === 'held' || state === 'failed') report('false failures', where, `the stage gave up: ${why ?? state}`);
      else if (!isEnded(state)) report('lost', where, `expected it to be completed or reused, but it is ${state}`);
      else if (result === null) report('lost', where, `it is ${state} without a result`);
    }
  }
  return statuses;
}
