/** Inputs of the two workflows, once they are parsed. */
import type { CampaignSpec, IgnoredMessages, Ledger, StageRequest, StageStatus } from '../../spec/index.ts';
import type { Accounting } from '../policy/accounting.ts';

/** What a run of the campaign knows of its stages and hands to the next run. */
export interface CarriedStages {
  readonly stages: readonly StageStatus[];
  /** Stages whose workflow has ended with a result or a failure. */
  readonly settled: readonly string[];
}

/** What the admission found out about a campaign. */
export interface AdmittedCampaign {
  /** The parsed spec with every default. */
  readonly spec: CampaignSpec;
  /** Whether the worker has registered the search attributes. */
  readonly searchAttributes: boolean;
}

/** What a run of the campaign hands to the next run when its history grows too long. */
export interface CarriedCampaign extends CarriedStages {
  readonly admitted: AdmittedCampaign;
  readonly approved: readonly string[];
  readonly paused: boolean;
  readonly ignored?: IgnoredMessages | undefined;
}

/** Input of the workflow `campaign`. */
export interface CampaignStart {
  readonly campaignId: string;
  /** The spec as it was sent: JSON within the limits of a spec, and nothing else is known of it. */
  readonly input: unknown;
  readonly carried: CarriedCampaign | undefined;
}

/**
 * What a run of a stage hands to the next run when its history grows too long. Renaming a field breaks stages that run.
 */
export interface CarriedStage {
  readonly ledger: Ledger;
  readonly times: Accounting;
  readonly status: StageStatus;
  readonly execution: number;
  readonly ignored?: IgnoredMessages | undefined;
}

/** Input of the workflow `stage`. */
export interface StageRun {
  readonly campaignId: string;
  /** First run id of the campaign. A later campaign with the same id ignores the stages of this one. */
  readonly campaignRun: string;
  readonly arm: string | null;
  readonly request: StageRequest;
  readonly onFailure: 'hold' | 'fail';
  readonly paused: boolean;
  /** No training uses the result of this stage, so an empty result is accepted. */
  readonly mayBeEmpty: boolean;
  readonly carried?: CarriedStage;
}
