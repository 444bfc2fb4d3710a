import { setCurrentDetails } from '@temporalio/workflow';
import {
  boundedText,
  type CampaignStatus,
  type ManifestRef,
  type Progress,
  pendingStage,
  type StageSlot,
  type StageState,
  type StageStatus,
  sumAccounts,
} from '../spec/index.ts';
import { ignoredMessages } from './ignored.ts';
import { Refusal } from './input/refusal.ts';
import type { AdmittedCampaign, CarriedStages } from './input/start.ts';
import { STATUS_TEXT_LENGTH } from './input/status.ts';
import { campaignDetails } from './policy/details.ts';
import { withinShare } from './policy/shared-incidents.ts';
import { campaignPhase, isFinished } from './policy/stage-states.ts';
import { SearchAttributes } from './search-attributes.ts';

/**
 * The status of every stage of a campaign, as the Temporal UI shows it and as the query `status` returns it. Signals
 * change the shown status of a running stage. Results and failures come only from the end of the stage's workflow.
 *
 * Reading the table must not change it: a query that changed state would make the workflow differ from its replay.
 */
export class StatusTable {
  private readonly campaignId: string;
  /** Name of the campaign. Before its admission only its id is known. */
  private name: string;
  private readonly isPaused: () => boolean;
  private readonly searchAttributes = new SearchAttributes();
  private readonly stages: Map<string, StageStatus>;
  /** Stages whose workflow has ended with a result or a failure. */
  private readonly settled: Set<string>;
  /** Stages whose workflow is running or about to start. */
  private readonly open = new Set<string>();
  private report: string | null = null;

  /** @param carried - what the previous run of the campaign knows of its stages */
  constructor(
    campaignId: string,
    isPaused: () => boolean,
    { stages, settled }: CarriedStages = { stages: [], settled: [] },
  ) {
    this.campaignId = campaignId;
    this.name = campaignId;
    this.isPaused = isPaused;
    this.stages = new Map(stages.map((status) => [status.name, status]));
    this.settled = new Set(settled);
  }

  /**
   * The campaign is admitted. From now on the table has a row for each of its stages, and people can search for it by
   * model, arm, phase and GPU-hours.
   * @param slots - its stages in the order of the recipe
   */
  plan({ spec, searchAttributes }: AdmittedCampaign, slots: readonly StageSlot[]): void {
    this.name = spec.name;
    const carried = new Map(this.stages);
    this.stages.clear();
    for (const { name, kind, arm } of slots) {
      this.stages.set(name, carried.get(name) ?? pendingStage({ name, kind, arm }));
    }
    if (searchAttributes) this.searchAttributes.enable(spec);
    this.show();
  }

  all(): StageStatus[] {
    return [...this.stages.values()];
  }

  get(name: string): StageStatus {
    return this.stages.get(name) as StageStatus;
  }

  /** The answer of the query `status`. */
  status(): CampaignStatus {
    const stages = this.all();
    return {
      campaignId: this.campaignId,
      name: this.name,
      phase: campaignPhase(stages, this.isPaused(), this.report),
      stages,
      account: sumAccounts(stages.map(({ account }) => account)),
      gpuHours: stages.reduce((sum, { gpuHours }) => sum + gpuHours, 0),
      report: this.report,
      ...(ignoredMessages() !== undefined && { ignored: ignoredMessages() }),
    };
  }

  /** Shows the present status in the UI and, if enabled, in the search attributes. */
  show(): void {
    const status = this.status();
    setCurrentDetails(campaignDetails(status));
    this.searchAttributes.update(status);
  }

  isSettled(name: string): boolean {
    return this.settled.has(name);
  }

  settledStages(): string[] {
    return [...this.settled];
  }

  /** Results of the stages that have ended, by name. */
  results(): Map<string, ManifestRef> {
    return new Map(
      this.all().flatMap(({ name, result }) =>
        result === null || !this.settled.has(name) ? [] : [[name, result] as const],
      ),
    );
  }

  /** The workflow of a stage is about to start. Reports of the stage are accepted from now on. */
  begin(name: string): void {
    this.open.add(name);
    this.set({ ...this.get(name), state: 'starting', why: null });
  }

  setState(name: string, state: StageState, why: string | null = null): void {
    this.set({ ...this.get(name), state, why });
  }

  /**
   * Accepts the status that a running stage reports by signal.
   * @throws Refusal when the stage cannot have sent it; nothing changes then
   */
  reported(status: StageStatus): void {
    this.refuseUnlessOpen(status.name);
    const { kind, arm, progress } = this.get(status.name);
    if (status.kind !== kind || status.arm !== arm || status.result !== null || isFinished(status.state)) {
      throw new Refusal(
        `expected a status of the ${kind} stage ${status.name} without a result; a result comes from its workflow alone`,
      );
    }
    this.set({ ...status, progress: status.progress ?? progress });
  }

  /** @throws Refusal when the stage is not running; nothing changes then */
  reportedProgress(name: string, progress: Progress): void {
    this.refuseUnlessOpen(name);
    this.set({ ...this.get(name), progress });
  }

  /** The workflow of a stage returned its final status. */
  finished(status: StageStatus): void {
    this.settled.add(status.name);
    this.open.delete(status.name);
    this.set({ ...status, progress: status.progress ?? this.get(status.name).progress });
  }

  /**
   * The workflow of a stage failed, was cancelled or was terminated. A reason that the stage reported itself is kept.
   */
  ended(name: string, state: 'failed' | 'cancelled', why: string): void {
    this.open.delete(name);
    if (state === 'failed') this.settled.add(name);
    const before = this.get(name);
    if (before.state !== state) this.set({ ...before, state, why: boundedText(why, STATUS_TEXT_LENGTH) });
  }

  /** Drops the result of a finished stage, which has to run again. */
  forget(name: string, why: string): void {
    this.settled.delete(name);
    this.set({ ...this.get(name), state: 'pending', why: boundedText(why, STATUS_TEXT_LENGTH), result: null });
  }

  /** The report is published: the campaign is complete. */
  close(report: string): void {
    this.report = report;
    this.show();
  }

  /** Sets the status of a stage, unless it cannot be shown. */
  private set(status: StageStatus): void {
    const before = this.get(status.name);
    this.stages.set(status.name, withinShare(status, this.stages.size));
    try {
      this.show();
    } catch (error) {
      this.stages.set(status.name, before);
      throw error;
    }
  }

  private refuseUnlessOpen(name: string): void {
    if (!this.open.has(name)) throw new Refusal(`expected a running stage of this campaign, but got ${name}`);
  }
}
