import { condition, getExternalWorkflowHandle, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { StartStage, Timed } from '../activities/index.ts';
import {
  afterKeptWork,
  afterRetry,
  boundedText,
  type ExecutionFacts,
  type Incident,
  type Ledger,
  type LossCause,
  type ManifestRef,
  NEW_LEDGER,
  type Outcome,
  pendingStage,
  type StageStatus,
  summaryText,
  type TimeKind,
} from '../spec/index.ts';
import { ignoredMessages } from './ignored.ts';
import { Refusal } from './input/refusal.ts';
import type { CarriedStage, StageRun } from './input/start.ts';
import { STATUS_TEXT_LENGTH } from './input/status.ts';
import type { Handlers } from './listen.ts';
import { type STAGE_MESSAGES, stageChangedSignal } from './messages.ts';
import * as accounting from './policy/accounting.ts';
import { stageDetails } from './policy/details.ts';
import { remedies } from './policy/restart.ts';
import { accountedStatus } from './policy/stage-status.ts';
import { ignoreUnlessCancelled } from './settle.ts';

/** State of a stage: its status, its ledger of failures, its time accounting, and what its campaign asked for. */
export class StageTracker {
  /** Whether the campaign asked the stage to pause. */
  paused: boolean;
  ledger: Ledger;

  private readonly run: StageRun;
  private status: StageStatus;
  private times: accounting.Accounting;
  /**
   * Number of the next execution. Its attempt number is not known before the claim; with this number a repeated request
   * claims once.
   */
  private execution: number;
  private retryRequested = false;

  constructor(run: StageRun) {
    const { request, arm, carried } = run;
    this.run = run;
    this.paused = run.paused;
    this.ledger = carried?.ledger ?? NEW_LEDGER;
    this.times = carried?.times ?? accounting.newAccounting(Date.now());
    this.status = carried?.status ?? pendingStage({ name: request.name, kind: request.kind, arm });
    this.execution = carried?.execution ?? 0;
  }

  handlers(): Handlers<typeof STAGE_MESSAGES> {
    return {
      queries: { status: () => this.shownStatus() },
      updates: {},
      signals: {
        setPaused: (paused) => {
          this.paused = paused;
        },
        retry: () => {
          if (this.status.state !== 'held')
            throw new Refusal(`expected a held stage, but this one is ${this.status.state}`);
          this.retryRequested = true;
        },
      },
    };
  }

  /** State for the next run of this workflow. */
  carry(): CarriedStage {
    const { ledger, times, status, execution } = this;
    return { ledger, times, status, execution, ignored: ignoredMessages() };
  }

  shownStatus(): StageStatus {
    return { ...this.status, ...(ignoredMessages() !== undefined && { ignored: ignoredMessages() }) };
  }

  /** Shows the present status in the UI. */
  show(): void {
    setCurrentDetails(stageDetails(this.shownStatus()));
  }

  /** Changes the status, shows it, and reports it to the campaign. */
  async change(change: Partial<StageStatus>): Promise<void> {
    const why = change.why == null ? null : boundedText(change.why, STATUS_TEXT_LENGTH);
    this.status = { ...this.status, ...this.accounted(), ...change, why };
    this.show();
    const { campaignId, campaignRun } = this.run;
    // A campaign that was terminated cannot receive the signal. Its stages still have machines to free.
    await getExternalWorkflowHandle(campaignId)
      .signal(stageChangedSignal, { campaignRun, status: this.shownStatus() })
      .catch(ignoreUnlessCancelled);
  }

  /**
   * Returns the final status. The campaign gets it as the result of this workflow; a signal before would only delay the
   * next stage.
   */
  finish(state: 'completed' | 'reused', result: ManifestRef): StageStatus {
    const finishedAt = new Date().toISOString();
    this.status = { ...this.status, why: null, ...this.accounted(), state, result, finishedAt };
    this.show();
    return this.shownStatus();
  }

  /** @param key - key of the stage in the store */
  found(key: string): void {
    this.status = { ...this.status, key };
  }

  get mayBeEmpty(): boolean {
    return this.run.mayBeEmpty;
  }

  /** Input of the activity that starts the next attempt. */
  nextAttempt(dataFiles: StartStage['dataFiles']): StartStage {
    const { workflowId, firstExecutionRunId } = workflowInfo();
    const { campaignId, campaignRun, arm, request } = this.run;
    return {
      campaignId,
      campaignRun,
      arm,
      request,
      mayBeEmpty: this.mayBeEmpty,
      dataFiles,
      token: `${workflowId}/${firstExecutionRunId}/${this.execution}`,
      ownerRun: firstExecutionRunId,
      ...remedies(this.ledger, request.config.run, this.status.attempt),
    };
  }

  executionClaimed(): void {
    this.execution += 1;
    this.ledger = { ...this.ledger, executions: this.ledger.executions + 1 };
  }

  /** The job of an attempt runs. */
  async executionStarted(attempt: number): Promise<void> {
    await this.change({
      state: 'running',
      attempt,
      executions: this.ledger.executions,
      startedAt: this.status.startedAt ?? new Date().toISOString(),
    });
  }

  executionEnded(outcome: Outcome, facts: ExecutionFacts): void {
    // Activities of older versions do not report `kept`.
    if (outcome.kind === 'failed') this.ledger = afterKeptWork(this.ledger, facts.kept ?? null);
    const failure = outcome.kind === 'failed' ? outcome.failure.class : null;
    this.times = accounting.chargeExecution(this.times, facts, Date.now(), failure);
  }

  /** @param ledger - with this failure */
  failed(ledger: Ledger, failure: Incident): void {
    this.ledger = ledger;
    this.beginRecovery(failure.class, failure.attempt);
  }

  beginRecovery(cause: LossCause, attempt: number | null): void {
    this.times = accounting.beginRecovery(this.times, cause, attempt);
  }

  /** Value of an activity. Charges its time. */
  async timed<T>(activity: Promise<Timed<T>>): Promise<T> {
    const { value, ...times } = await activity;
    this.times = accounting.chargeActivity(this.times, times, Date.now());
    return value;
  }

  /** Charges the time since the last charge. */
  charge(kind: TimeKind): void {
    this.times = accounting.charge(this.times, kind, Date.now());
  }

  /** Waits, and charges the time. A pause ends the wait. */
  async wait(kind: TimeKind, seconds: number, summary: string): Promise<void> {
    await condition(() => this.paused, seconds * 1000, { summary });
    this.times = accounting.chargeWait(this.times, kind, seconds, Date.now());
  }

  async untilResumed(): Promise<void> {
    await this.change({ state: 'paused' });
    await condition(() => !this.paused);
    this.charge('paused');
  }

  /** Waits until a person retries the stage, which restores its budgets. */
  async untilRetried(): Promise<void> {
    this.retryRequested = false;
    await this.change({ state: 'held', why: 'waits for retryStage' });
    await condition(() => this.retryRequested);
    this.charge('held');
    this.ledger = afterRetry(this.ledger);
  }

  /** Waits while another campaign runs the same stage. @param owner - workflow id of its stage */
  async waitForOwner(owner: string, seconds: number): Promise<void> {
    const why = `${owner} is running the same stage`;
    if (this.status.why !== why) await this.change({ state: 'blocked', why });
    await this.wait('blocked', seconds, summaryText(why));
  }

  /** The claim of the stage in the store; null before its first attempt. */
  claim(): { key: string; attempt: number } | null {
    const { key, attempt } = this.status;
    return key === null || attempt === null ? null : { key, attempt };
  }

  private accounted(): Partial<StageStatus> {
    return accountedStatus(this.ledger, this.times, this.run.request.config.run);
  }
}
