import { TemporalFailure } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, JobRef, StartAttempt, Timed } from '../activities/index.ts';
import {
  afterKeptWork,
  afterRetry,
  boundedText,
  FAILURES,
  type Failure,
  type IgnoredMessages,
  type Ledger,
  type ManifestRef,
  NEW_LEDGER,
  type Outcome,
  pendingStage,
  type StageRequest,
  type StageStatus,
  summaryText,
} from '../spec/index.ts';
import { answerOf } from './answers.ts';
import { stageFailure } from './failures.ts';
import { countIgnored, ignoredMessages } from './ignored.ts';
import { admitted, parseStageStart } from './input/entry.ts';
import { WORDS_LENGTH } from './input/status.ts';
import { listen, Refusal, STAGE_MESSAGES, stageChangedSignal } from './messages.ts';
import {
  type Books,
  beginRecovery,
  charge,
  chargeCall,
  chargeExecution,
  chargeWait,
  incidentsOf,
  openBooks,
} from './policy/books.ts';
import { stageDetails } from './policy/details.ts';
import { nextAction, remedies } from './policy/restart.ts';
import { HEARTBEAT_TIMEOUT, RETRY } from './timeouts.ts';

/** Longest wait between two looks at a stage that another campaign is running. */
const BUSY_WAIT_SECONDS = 60;

/** Input of the workflow `stage`. */
export interface StageRun {
  readonly campaignId: string;
  /** First run of the campaign: a campaign that took over its id does not listen to the stages of the one before. */
  readonly campaignRun: string;
  readonly arm: string | null;
  readonly request: StageRequest;
  readonly onFailure: 'hold' | 'fail';
  readonly paused: boolean;
  /** No training follows this stage: it may come to nothing, as a result like another. */
  readonly mayBeEmpty?: boolean | undefined;
  /** What an earlier run of this workflow hands over when its history grows too long. */
  readonly carried?: {
    readonly ledger: Ledger;
    readonly books: Books;
    readonly status: StageStatus;
    readonly execution: number;
    readonly ignored?: IgnoredMessages | undefined;
  };
}

/**
 * Runs one stage until it leaves a manifest. Every execution, a preempted one too, is a new attempt.
 * @param input - a {@link StageRun}, unchecked: any client may start the workflow
 * @throws ApplicationFailure `InvalidInput`, non-retryable, when its campaign did not start it, or not so
 */
export async function stage(input: unknown, ...more: unknown[]): Promise<StageStatus> {
  const run = admitted(() => parseStageStart(input, more));
  const { request } = run;
  const { run: settings } = request.config;
  const { resolveStage, startAttempt, sealStage, releaseStage, awaitJob, suspendJob, stopJob } = activitiesFor(
    request.name,
  );
  const campaign = getExternalWorkflowHandle(run.campaignId);
  let ledger = run.carried?.ledger ?? NEW_LEDGER;
  let books = run.carried?.books ?? openBooks(Date.now());
  let status = run.carried?.status ?? pendingStage({ name: request.name, kind: request.kind, arm: run.arm });
  // Names an execution before its attempt number is known, so that asking twice for it claims once.
  let execution = run.carried?.execution ?? 0;
  let paused = run.paused;
  let retryAsked = false;
  let busyLooks = 0;

  const shown = (): StageStatus => ({
    ...status,
    ...(ignoredMessages() !== undefined && { ignored: ignoredMessages() }),
  });
  const show = (): void => setCurrentDetails(stageDetails(shown()));
  countIgnored(run.carried?.ignored, show);
  listen(STAGE_MESSAGES, {
    queries: { status: shown },
    updates: {},
    signals: {
      setPaused: (wanted) => {
        paused = wanted;
      },
      retry: () => {
        if (status.state !== 'held') throw new Refusal(`expected a held stage, but it is ${status.state}`);
        retryAsked = true;
      },
    },
  });

  async function become(change: Partial<StageStatus>): Promise<void> {
    const why = change.why == null ? null : boundedText(change.why, WORDS_LENGTH);
    status = { ...status, ...accounted(), ...change, why };
    show();
    // A campaign that was terminated is not there to listen; its stages still have machines to free.
    await campaign
      .signal(stageChangedSignal, { campaignRun: run.campaignRun, status: shown() })
      .catch((error: unknown) => {
        if (isCancellation(error)) throw error;
      });
  }

  try {
    for (;;) {
      if (paused) {
        await become({ state: 'paused' });
        await condition(() => !paused);
        books = charge(books, 'paused', Date.now());
      }
      if (workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof stage>({
          ...run,
          paused,
          carried: { ledger, books, status, execution, ignored: ignoredMessages() },
        });
      }
      const resolved = await called(resolveStage({ request, mayBeEmpty: run.mayBeEmpty }));
      status = { ...status, key: resolved.key };
      if (resolved.result !== null && resolved.failure !== undefined) {
        await follow({ kind: 'failed', failure: resolved.failure });
        continue;
      }
      if (resolved.result !== null) return finish('reused', resolved.result);

      // Not to be cancelled half-way: a job that has been started must be known, to be stopped.
      const started = await CancellationScope.nonCancellable(() => called(startAttempt(attempt(resolved.key))));
      if (started.kind === 'replan') continue;
      if (started.kind === 'finished') return finish('reused', started.result);
      if (started.kind === 'refused') {
        await follow(started.outcome);
        continue;
      }
      if (started.kind === 'busy') {
        await waitForOther(started.owner);
        continue;
      }
      execution += 1;
      ledger = { ...ledger, executions: ledger.executions + 1 };
      const outcome = await execute(started.job);
      if (outcome.kind === 'completed') {
        const sealed = await called(sealStage({ ...started.job, mayBeEmpty: run.mayBeEmpty }));
        if (sealed.kind === 'sealed') return finish('completed', sealed.result);
        await follow(sealed.outcome);
      } else {
        await follow(outcome);
      }
    }
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() =>
        become({ state: 'cancelled', finishedAt: new Date().toISOString() }),
      );
    }
    throw error;
  }

  /** The answer of an activity, with its time in the books. */
  async function called<T>(activity: Promise<Timed<T>>): Promise<T> {
    const { value, ...ran } = await activity;
    books = chargeCall(books, ran, Date.now());
    return value;
  }

  function attempt(key: string): StartAttempt {
    const { workflowId, firstExecutionRunId } = workflowInfo();
    return {
      ...{ campaignId: run.campaignId, campaignRun: run.campaignRun, arm: run.arm, request, key },
      token: `${workflowId}/${firstExecutionRunId}/${execution}`,
      ownerRun: firstExecutionRunId,
      ...remedies(ledger, settings, status.attempt),
    };
  }

  async function waitForOther(owner: string): Promise<void> {
    const why = `${owner} is running the same stage`;
    if (status.why !== why) await become({ state: 'blocked', why });
    const seconds = Math.min(BUSY_WAIT_SECONDS, 2 ** busyLooks++);
    await condition(() => paused, seconds * 1000, { summary: summaryText(why) });
    books = chargeWait(books, 'blocked', seconds, Date.now());
  }

  /** Watches the job to its end. A pause asks it to save and stop; a cancellation frees its machines before anything else. */
  async function execute(started: JobRef): Promise<Outcome> {
    try {
      await become({
        state: 'running',
        attempt: started.attempt,
        executions: ledger.executions,
        startedAt: status.startedAt ?? new Date().toISOString(),
      });
      const ended = awaitJob(started);
      // A worker that is down must not make this promise an unhandled rejection while a pause is under way.
      ended.catch(() => undefined);
      const first = await Promise.race([
        ended.then(() => 'ended' as const),
        condition(() => paused).then(() => 'paused' as const),
      ]);
      if (first === 'paused') {
        await become({ state: 'pausing', why: 'saving, then freeing its machines' });
        await suspendJob(started);
      }
      const { outcome, facts } = answerOf(await ended);
      // Of an activity of an older version nothing is known.
      if (outcome.kind === 'failed') ledger = afterKeptWork(ledger, facts.kept ?? null);
      books = chargeExecution(books, facts, Date.now(), outcome.kind === 'failed' ? outcome.failure.class : null);
      return outcome;
    } catch (error) {
      // A fault of ours fails the task; the job goes on, and so does this under mended code.
      if (!(error instanceof TemporalFailure)) throw error;
      await CancellationScope.nonCancellable(() => stopJob(started));
      books = charge(books, 'working', Date.now());
      throw error;
    }
  }

  async function follow(outcome: Outcome): Promise<void> {
    const action = nextAction(ledger, inBoundedWords(outcome), settings, new Date().toISOString());
    switch (action.kind) {
      case 'again': {
        ledger = action.ledger;
        books = beginRecovery(books, action.failure.class, action.failure.attempt);
        await become({ state: 'backing-off', why: action.failure.followed });
        if (action.delaySeconds === 0) return;
        const summary = `${request.name}: again after ${FAILURES[action.failure.class].words}`;
        await condition(() => paused, action.delaySeconds * 1000, { summary });
        books = chargeWait(books, 'backing-off', action.delaySeconds, Date.now());
        return;
      }
      case 'give-up':
        ledger = action.ledger;
        books = beginRecovery(books, action.failure.class, action.failure.attempt);
        await giveUp(action.failure);
        return;
      default:
        // Stopped: the loop waits for the resume, or looks who is at the stage.
        if (paused) books = beginRecovery(books, 'Pause', null);
    }
  }

  /** The stage has spent its attempts. Held, it waits for a person; else it fails. */
  async function giveUp(failure: Failure): Promise<void> {
    if (run.onFailure === 'fail') {
      await become({ state: 'failed', finishedAt: new Date().toISOString() });
      throw stageFailure(request.name, failure);
    }
    // Another campaign that needs the same stage need not wait for a person too.
    if (status.key !== null && status.attempt !== null)
      await called(releaseStage({ key: status.key, attempt: status.attempt }));
    retryAsked = false;
    await become({ state: 'held', why: 'waits for retryStage' });
    await condition(() => retryAsked);
    books = charge(books, 'held', Date.now());
    ledger = afterRetry(ledger);
  }

  /** The campaign learns of it by the answer: a signal before would only hold up the next stage. */
  function finish(state: 'completed' | 'reused', result: ManifestRef): StageStatus {
    status = { ...status, why: null, ...accounted(), state, result, finishedAt: new Date().toISOString() };
    show();
    return shown();
  }

  /** What ledger and books say, as the status tells it. */
  function accounted(): Partial<StageStatus> {
    const pods = Math.max(settings.shards, settings.ranks);
    return {
      failures: Object.values(ledger.failures).reduce((sum, count) => sum + count, 0),
      incidents: incidentsOf(ledger, books),
      account: books.account,
      accountedUntil: new Date(books.chargedUntil).toISOString(),
      gpuHours: (books.podSeconds / 3600) * settings.resources.gpus * pods,
    };
  }
}

/** What programs and clusters say may be of any length, and is kept in the ledger. */
function inBoundedWords(outcome: Outcome): Outcome {
  if (outcome.kind !== 'failed') return outcome;
  const message = boundedText(outcome.failure.message, WORDS_LENGTH);
  return { ...outcome, failure: { ...outcome.failure, message } };
}

/** The activities, each with the name of its stage for a summary: the UI shows them in one list. */
function activitiesFor(stageName: string) {
  // The heartbeat, not the timeout, notices a dead worker; a store may be slow, a job run for weeks.
  const common = { heartbeatTimeout: HEARTBEAT_TIMEOUT, retry: RETRY, summary: stageName } as const;
  const { resolveStage, startAttempt, sealStage, releaseStage } = proxyActivities<Activities>({
    ...{ startToCloseTimeout: '6 hours', ...common },
  });
  const { awaitJob, suspendJob, stopJob } = proxyActivities<Activities>({
    ...{ startToCloseTimeout: '60 days', ...common },
  });
  return { resolveStage, startAttempt, sealStage, releaseStage, awaitJob, suspendJob, stopJob };
}
