import {
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities, JobRef, StartAttempt } from '../activities/index.ts';
import {
  FAILURES,
  type Failure,
  type Ledger,
  type ManifestRef,
  NEW_LEDGER,
  type Outcome,
  pendingStage,
  type StageRequest,
  type StageStatus,
} from '../spec/index.ts';
import { stageFailure } from './failures.ts';
import { retrySignal, setPausedSignal, stageChangedSignal, stageStatusQuery } from './messages.ts';
import { stageDetails } from './policy/details.ts';
import { type Action, nextAction, remedies } from './policy/restart.ts';

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
  /** What an earlier run of this workflow hands over when its history grows too long. */
  readonly carried?: { readonly ledger: Ledger; readonly status: StageStatus; readonly execution: number };
}

/** Runs one stage until it leaves a manifest. Every execution, a preempted one too, is a new attempt. */
export async function stage(run: StageRun): Promise<StageStatus> {
  const { request } = run;
  const { resolveStage, startAttempt, sealStage, releaseStage, awaitJob, suspendJob, stopJob } = activitiesFor(
    request.name,
  );
  const campaign = getExternalWorkflowHandle(run.campaignId);
  let ledger = run.carried?.ledger ?? NEW_LEDGER;
  let status = run.carried?.status ?? pendingStage({ name: request.name, kind: request.kind, arm: run.arm });
  // Names an execution before its attempt number is known, so that asking twice for it claims once.
  let execution = run.carried?.execution ?? 0;
  let paused = run.paused;
  let retryAsked = false;
  let busyLooks = 0;

  setHandler(setPausedSignal, (wanted) => {
    paused = wanted;
  });
  setHandler(retrySignal, () => {
    retryAsked = true;
  });
  setHandler(stageStatusQuery, () => status);

  async function become(change: Partial<StageStatus>): Promise<void> {
    status = { ...status, why: null, ...change };
    setCurrentDetails(stageDetails(status));
    // A campaign that was terminated is not there to listen; its stages still have machines to free.
    await campaign.signal(stageChangedSignal, { campaignRun: run.campaignRun, status }).catch((error: unknown) => {
      if (isCancellation(error)) throw error;
    });
  }

  try {
    for (;;) {
      if (paused) {
        await become({ state: 'paused' });
        await condition(() => !paused);
      }
      if (workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof stage>({ ...run, paused, carried: { ledger, status, execution } });
      }
      const resolved = await resolveStage({ request });
      status = { ...status, key: resolved.key };
      if (resolved.result !== null) return await finish('reused', resolved.result);

      // Not to be cancelled half-way: a job that has been started must be known, to be stopped.
      const started = await CancellationScope.nonCancellable(() => startAttempt(attempt(resolved.key)));
      if (started.kind === 'replan') continue;
      if (started.kind === 'finished') return await finish('reused', started.result);
      if (started.kind === 'busy') {
        const why = `${started.owner} is running the same stage`;
        if (status.why !== why) await become({ state: 'blocked', why });
        const seconds = Math.min(BUSY_WAIT_SECONDS, 2 ** busyLooks++);
        await condition(() => paused, seconds * 1000, { summary: why });
        continue;
      }
      execution += 1;
      ledger = { ...ledger, executions: ledger.executions + 1 };
      const action = nextAction(ledger, await execute(started.job), request.config.run);
      if (action.kind === 'seal') {
        const sealed = await sealStage(started.job);
        if (sealed.kind === 'sealed') return await finish('completed', sealed.result);
        await follow(nextAction(ledger, sealed.outcome, request.config.run));
      } else {
        await follow(action);
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

  function attempt(key: string): StartAttempt {
    const { workflowId, firstExecutionRunId } = workflowInfo();
    return {
      ...{ campaignId: run.campaignId, campaignRun: run.campaignRun, arm: run.arm, request, key },
      token: `${workflowId}/${firstExecutionRunId}/${execution}`,
      ...remedies(ledger, status.attempt),
    };
  }

  /** Watches the job to its end. A pause asks it to save and stop; a cancellation frees its machines before anything else. */
  async function execute(started: JobRef): Promise<Outcome> {
    const begin = Date.now();
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
      return await ended;
    } catch (error) {
      await CancellationScope.nonCancellable(() => stopJob(started));
      throw error;
    } finally {
      const seconds = (Date.now() - begin) / 1000;
      const pods = Math.max(request.config.run.shards, request.config.run.ranks);
      status = {
        ...status,
        workingSeconds: status.workingSeconds + seconds,
        gpuHours: status.gpuHours + (seconds / 3600) * request.config.run.resources.gpus * pods,
      };
    }
  }

  async function follow(action: Action): Promise<void> {
    switch (action.kind) {
      case 'again': {
        ledger = action.ledger;
        await become({ state: 'backing-off', why: `again in ${action.delaySeconds} s`, ...failed(ledger) });
        const summary = `${request.name}: again after ${FAILURES[action.failure.class].words}`;
        if (action.delaySeconds > 0) await condition(() => paused, action.delaySeconds * 1000, { summary });
        return;
      }
      case 'give-up':
        ledger = action.ledger;
        await giveUp(action.failure);
        return;
      default:
        return; // stopped: the loop waits for the resume
    }
  }

  /** The stage has spent its attempts. Held, it waits for a person; else it fails. */
  async function giveUp(failure: Failure): Promise<void> {
    if (run.onFailure === 'fail') {
      await become({ state: 'failed', finishedAt: new Date().toISOString(), ...failed(ledger) });
      throw stageFailure(request.name, failure);
    }
    // Another campaign that needs the same stage need not wait for a person too.
    if (status.key !== null && status.attempt !== null)
      await releaseStage({ key: status.key, attempt: status.attempt });
    retryAsked = false;
    await become({ state: 'held', why: 'waits for retryStage', ...failed(ledger) });
    await condition(() => retryAsked);
    ledger = { ...NEW_LEDGER, executions: ledger.executions, history: ledger.history };
  }

  async function finish(state: 'completed' | 'reused', result: ManifestRef): Promise<StageStatus> {
    await become({ state, result, finishedAt: new Date().toISOString() });
    return status;
  }
}

/** The activities, each with the name of its stage for a summary: the UI shows them in one list. */
function activitiesFor(stageName: string) {
  const retry = { maximumInterval: '10 seconds' } as const;
  const summary = stageName;
  const { resolveStage, startAttempt, sealStage, releaseStage } = proxyActivities<Activities>({
    ...{ startToCloseTimeout: '2 minutes', retry, summary },
  });
  // These live as long as the job, or its grace; the heartbeat, not the timeout, notices a dead worker.
  const { awaitJob, suspendJob, stopJob } = proxyActivities<Activities>({
    ...{ startToCloseTimeout: '60 days', heartbeatTimeout: '10 seconds', retry, summary },
  });
  return { resolveStage, startAttempt, sealStage, releaseStage, awaitJob, suspendJob, stopJob };
}

function failed(ledger: Ledger): Pick<StageStatus, 'failures' | 'lastFailure'> {
  const counted = Object.values(ledger.failures).reduce((sum, count) => sum + count, 0);
  return { failures: counted, lastFailure: ledger.history.at(-1) ?? null };
}
