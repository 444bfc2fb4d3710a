import type { CampaignEnd } from './evidence.ts';
import type { Report } from './violations.ts';

/** The part of the answer to the query `status` that the checker reads. */
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

/** Whether a stage has a result. */
export const isEnded = (state: string): boolean => state === 'completed' || state === 'reused';

/** Checks that every campaign completed, every stage has a result, and Temporal has one campaign per id. */
export function checkCampaigns(ends: readonly CampaignEnd[], report: Report): CampaignStatusJson[] {
  for (const { id, workflow, status, runs } of ends) {
    if (workflow !== 'COMPLETED') report('lost', id, `expected the workflow to be COMPLETED, but it is ${workflow}`);
    const begun = runs.filter(({ continuedFrom }) => continuedFrom === null);
    if (begun.length !== 1)
      report('doubled', id, `expected one campaign with this id, but ${begun.length} were started`);
    if (status === null) report('lost', id, 'the query `status` got no answer');
  }
  const statuses = ends.flatMap(({ status }) => (status === null ? [] : [status as CampaignStatusJson]));
  for (const { campaignId, phase, report: page, stages } of statuses) {
    if (phase !== 'completed') report('lost', campaignId, `expected the phase to be completed, but it is ${phase}`);
    if (page === null) report('lost', campaignId, 'expected a report, but there is none');
    for (const { name, state, why, result } of stages) {
      const where = `${campaignId}: ${name}`;
      if (state === 'held' || state === 'failed') report('false failures', where, `the stage gave up: ${why ?? state}`);
      else if (!isEnded(state))
        report('lost', where, `expected the stage to be completed or reused, but it is ${state}`);
      else if (result === null) report('lost', where, `the stage is ${state}, but has no result`);
    }
  }
  return statuses;
}
