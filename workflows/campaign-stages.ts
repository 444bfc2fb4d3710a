import { TemporalFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  ChildWorkflowCancellationType,
  type ChildWorkflowHandle,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type CampaignSpec,
  feedsTraining,
  type ManifestRef,
  planCampaign,
  type StageSlot,
  type StageStatus,
  stageRequest,
  WORKFLOW_TASK_SECONDS,
} from '../spec/index.ts';
import { rootMessage, stageFailure } from './failures.ts';
import type { AdmittedCampaign, CarriedCampaign } from './input/start.ts';
import { finishedStage } from './input/status.ts';
import { setPausedSignal } from './messages.ts';
import { ignoreUnlessCancelled } from './settle.ts';
import { stage } from './stage.ts';
import { StatusTable } from './status-table.ts';

type StageHandle = ChildWorkflowHandle<typeof stage>;

/**
 * Waits between attempts to start a stage while another workflow uses its id: doubled each time up to the longest.
 * *Ours*. Temporal ends a workflow after about 50,000 events and each attempt adds ten. With the longest wait that
 * takes a month, and the campaign continues as new before.
 */
const FIRST_WAIT_SECONDS = 2;
const LONGEST_WAIT_SECONDS = 600;

/**
 * The stages of a campaign, each a child workflow. Starts them, waits for their results, and knows which of them run.
 */
export class CampaignStages {
  readonly table: StatusTable;
  /** Stages whose workflow runs. */
  readonly running = new Map<string, StageHandle>();
  /** First run id of the campaign. Its stages send it with every signal. */
  readonly campaignRun = workflowInfo().firstExecutionRunId;
  /** Whether the campaign is paused. No stage starts while it is. */
  paused: boolean;
  /** Number of stages whose start Temporal has not confirmed yet. */
  starting = 0;
  /** Resolves when the campaign should continue as new and no stage runs any more. */
  readonly drained: Promise<'drained'>;
  /**
   * Rejects at once with a programming error of one arm. Such an error fails the workflow task and must not wait for
   * the other arms.
   */
  readonly fault: Promise<never>;

  private readonly campaignId: string;
  private admitted: AdmittedCampaign | null = null;
  private slots: ReadonlyMap<string, StageSlot> = new Map();
  private draining = false;
  private readonly resolveDrained: (value: 'drained') => void;
  private readonly rejectFault: (error: unknown) => void;

  constructor(campaignId: string, carried: CarriedCampaign | undefined) {
    this.campaignId = campaignId;
    this.paused = carried?.paused ?? false;
    this.table = new StatusTable(campaignId, () => this.paused, carried);
    ({ promise: this.drained, resolve: this.resolveDrained } = Promise.withResolvers<'drained'>());
    ({ promise: this.fault, reject: this.rejectFault } = Promise.withResolvers<never>());
  }

  /** The spec of the campaign; null before its admission. */
  get spec(): CampaignSpec | null {
    return this.admitted?.spec ?? null;
  }

  /** The campaign is admitted: its stages are known from now on. */
  plan(admitted: AdmittedCampaign): void {
    this.slots = new Map(planCampaign(admitted.spec).map((slot) => [slot.name, slot]));
    this.admitted = admitted;
    this.table.plan(admitted, [...this.slots.values()]);
  }

  isPlanned(name: string): boolean {
    return this.slots.has(name);
  }

  /** Runs a stage and returns its result. A stage that ended in an earlier run of this workflow does not run again. */
  async run(name: string): Promise<ManifestRef> {
    const slot = this.slots.get(name) as StageSlot;
    if (this.table.isSettled(name)) return settledResult(this.table.get(name));
    const { handle, sentPaused } = await this.start(slot);
    try {
      if (this.paused !== sentPaused) await handle.signal(setPausedSignal, this.paused).catch(ignoreUnlessCancelled);
      const finished = finishedStage(slot, await handle.result());
      this.table.finished(finished);
      return finished.result;
    } catch (error) {
      // A programming error is no failure of the stage.
      if (!(error instanceof TemporalFailure)) this.rejectFault(error);
      else this.table.ended(name, isCancellation(error) ? 'cancelled' : 'failed', rootMessage(error));
      throw error;
    } finally {
      this.running.delete(name);
    }
  }

  /** Sends `paused` to every running stage. */
  async sendPaused(): Promise<void> {
    await Promise.all(
      [...this.running.values()].map((handle) =>
        handle.signal(setPausedSignal, this.paused).catch(ignoreUnlessCancelled),
      ),
    );
  }

  /**
   * Waits until the campaign may start a stage. Starts none while it is paused, or while it waits for running stages to
   * continue as new.
   */
  private async untilStartAllowed(): Promise<void> {
    await condition(() => !this.paused);
    if (workflowInfo().continueAsNewSuggested) this.draining = true;
    if (!this.draining) return;
    await condition(() => this.running.size === 0 && this.starting === 0);
    this.resolveDrained('drained');
    await condition(() => false); // the next run of this workflow starts the stage
  }

  /**
   * Starts a stage once no other workflow uses its id. Between attempts the campaign can pause or continue as new as if
   * the stage had not begun, because the wait may be long.
   */
  private async start(slot: StageSlot): Promise<{ handle: StageHandle; sentPaused: boolean }> {
    for (let seconds = FIRST_WAIT_SECONDS; ; seconds = Math.min(2 * seconds, LONGEST_WAIT_SECONDS)) {
      await this.untilStartAllowed();
      this.starting += 1;
      const sentPaused = this.paused;
      this.table.begin(slot.name);
      try {
        const handle = await this.startChild(slot);
        this.running.set(slot.name, handle);
        return { handle, sentPaused };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      } finally {
        this.starting -= 1;
      }
      await this.waitForId(slot.name, seconds);
    }
  }

  /** @throws WorkflowExecutionAlreadyStartedError when another workflow uses the id of this stage */
  private startChild(slot: StageSlot): Promise<StageHandle> {
    const spec = this.spec as CampaignSpec;
    return startChild(stage, {
      workflowId: `${this.campaignId}/${slot.name}`,
      args: [
        {
          campaignId: this.campaignId,
          campaignRun: this.campaignRun,
          arm: slot.arm,
          request: stageRequest(spec, slot, this.table.results()),
          onFailure: spec.onFailure,
          mayBeEmpty: !feedsTraining(slot.name, [...this.slots.values()]),
          paused: this.paused,
        },
      ],
      workflowTaskTimeout: WORKFLOW_TASK_SECONDS * 1000,
      staticSummary: `${spec.name}: ${slot.name}`,
      // Even a campaign that is terminated or times out frees its machines.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
  }

  /**
   * Waits while another workflow uses the id of a stage: a stage of an earlier run of this campaign that still has
   * machines, or a workflow of somebody else. Requests its cancellation once, because a reset of the campaign does not
   * (a termination does).
   */
  private async waitForId(name: string, seconds: number): Promise<void> {
    const workflowId = `${this.campaignId}/${name}`;
    const owner = 'a stage of an earlier run of this campaign that is still stopping, or a workflow of somebody else';
    const why = `workflow ${workflowId} is open (${owner}); it was asked to stop, and this stage starts once it has`;
    this.table.setState(name, 'blocked', why);
    if (seconds === FIRST_WAIT_SECONDS) {
      await getExternalWorkflowHandle(workflowId).cancel().catch(ignoreUnlessCancelled);
    }
    await sleep(seconds * 1000, { summary: `another workflow uses the id of ${name}` });
  }
}

/**
 * Result of a stage that has ended in this run of the workflow or an earlier one.
 * @throws ApplicationFailure when it failed
 */
function settledResult({ name, result, why, incidents }: StageStatus): ManifestRef {
  if (result !== null) return result;
  const last = incidents.at(-1);
  throw last === undefined ? ApplicationFailure.nonRetryable(`${name}: ${why}`) : stageFailure(name, last);
}
