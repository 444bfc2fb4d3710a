import { TemporalFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  allHandlersFinished,
  ChildWorkflowCancellationType,
  type ChildWorkflowHandle,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  patched,
  proxyActivities,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import {
  feedsTraining,
  type IgnoredMessages,
  type ManifestRef,
  planCampaign,
  type StageSlot,
  type StageState,
  type StageStatus,
  shownValue,
} from '../spec/index.ts';
import { answerOf } from './answers.ts';
import { AT_REST, type KnownStages, openBoard } from './board.ts';
import { messageOf, stageFailure } from './failures.ts';
import { countIgnored, ignoredMessages } from './ignored.ts';
import { admitted, parseCampaignStart } from './input/entry.ts';
import { finishedStage } from './input/status.ts';
import { answering, CAMPAIGN_MESSAGES, listen, Refusal, retrySignal, setPausedSignal } from './messages.ts';
import { stageRequest } from './policy/request.ts';
import { stage } from './stage.ts';
import { HEARTBEAT_TIMEOUT, RETRY } from './timeouts.ts';

const { admitCampaign, askStages, publishReport } = proxyActivities<Activities>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: RETRY,
});

/** How often an analysis whose report does not hold is made again. *Ours*. */
const PUBLISH_ATTEMPTS = 3;

/** Result of the workflow `campaign`. */
export interface CampaignResult {
  readonly campaignId: string;
  /** Paths in the store. */
  readonly report: { readonly html: string; readonly json: string };
  readonly stages: Readonly<Record<string, ManifestRef>>;
}

/** What an earlier run of this workflow hands over when its history grows too long. */
export interface Carried extends KnownStages {
  readonly approved: readonly string[];
  readonly paused: boolean;
  readonly searchAttributes: boolean;
  readonly ignored?: IgnoredMessages | undefined;
}

/** States in which a stage goes on, and in which it does not, as its campaign has told it. */
const GOING: ReadonlySet<StageState> = new Set(['starting', 'running', 'backing-off', 'blocked']);
const PAUSING: ReadonlySet<StageState> = new Set(['pausing', 'paused']);

/** How long a pause waits to be told that a stage stands still before it asks the stage itself. *Ours*. */
const ASK_AFTER_SECONDS = 5;

/**
 * Wait before a stage is started again under an id that is taken; doubled each time. *Ours*. Temporal ends a workflow of some 50,000 events, and
 * every try has ten: at the longest wait they last for a month, and the campaign continues as new before.
 */
const FIRST_WAIT_SECONDS = 2;
const LONGEST_WAIT_SECONDS = 600;

/**
 * Runs a campaign from its spec to its report: search, procedure cloning, SFT, curriculum and RL for every arm, evaluation after each.
 * @param input - the campaign spec as JSON, unchecked: any client may start it
 * @param more - what the run before hands over, where this code continued it; from anyone else nothing
 * @throws ApplicationFailure `InvalidInput`, non-retryable: every bad field with what was expected and what came
 */
export async function campaign(input: unknown, ...more: unknown[]): Promise<CampaignResult> {
  const { campaignId, spec, carried } = admitted(() => parseCampaignStart(input, more));
  const campaignRun = workflowInfo().firstExecutionRunId;
  const slots = new Map(planCampaign(spec).map((slot) => [slot.name, slot]));
  let paused = carried?.paused ?? false;
  const board = openBoard(spec, campaignId, [...slots.values()], () => paused, carried);
  const handles = new Map<string, ChildWorkflowHandle<typeof stage>>();
  const approved = new Set(carried?.approved);
  let draining = false;
  let starting = 0;
  // A fault of ours in one arm fails the task at once. It must not wait until the other arms are through.
  const { promise: fault, reject: breakDown } = Promise.withResolvers<never>();

  countIgnored(carried?.ignored, board.show);
  listen(CAMPAIGN_MESSAGES, {
    queries: { status: () => board.status() },
    updates: {
      pause: {
        accept: () => refuseIf(paused, 'the campaign is paused already'),
        handle: () =>
          answering(async () => {
            await pause();
            await untilAtRest();
            return board.status();
          }),
      },
      resume: {
        accept: () => refuseIf(!paused, 'the campaign is not paused'),
        handle: async () => {
          await resume();
          return board.status();
        },
      },
      retryStage: {
        accept: ({ stage: name }) => refuseIf(!isHeld(name) && !handles.has(name), notHeld(name)),
        handle: ({ stage: name }) =>
          answering(async () => {
            await retryStage(name);
            return board.status();
          }),
      },
      approve: {
        accept: ({ arm }) => refuseUnknownArm(arm),
        handle: async ({ arm }) => {
          approve(arm);
          return board.status();
        },
      },
    },
    signals: {
      pause: async () => {
        if (!paused) await pause();
      },
      resume: async () => {
        if (paused) await resume();
      },
      retryStage: ({ stage: name }) => retryStage(name),
      approve: ({ arm }) => {
        refuseUnknownArm(arm);
        approve(arm);
      },
      stageChanged: async ({ campaignRun: run, status }) => {
        refuseIf(run !== campaignRun, 'of another run of this campaign');
        board.told(status);
        await setRight(status);
      },
      stageProgress: ({ campaignRun: run, stage: name, progress }) => {
        refuseIf(run !== campaignRun, 'of another run of this campaign');
        board.progress(name, progress);
      },
    },
  });

  const searchAttributes =
    carried?.searchAttributes ?? answerOf(await admitCampaign({ campaignId, spec })).searchAttributes;
  if (searchAttributes) board.tagSearchAttributes();

  const { promise: drained, resolve: drain } = Promise.withResolvers<'drained'>();
  const outcome = await Promise.race([recipe().then(published), drained, fault]);
  if (outcome === 'drained') {
    await condition(allHandlersFinished);
    return continueAsNew<typeof campaign>(input, {
      stages: board.all(),
      settled: board.settled(),
      ignored: ignoredMessages(),
      approved: [...approved],
      paused,
      searchAttributes,
    });
  }
  board.close(outcome.html);
  await condition(allHandlersFinished);
  return { campaignId, report: outcome, stages: Object.fromEntries(board.results()) };

  /** Publishes the report. An analysis that does not hold any more is made again, a few times: the store may be failing for good. */
  async function published(analysis: ManifestRef): Promise<CampaignResult['report']> {
    for (let attempts = 1; ; attempts++) {
      const report = answerOf(await publishReport({ campaignId, analysis, status: board.status() }));
      if (!('again' in report)) return report;
      if (attempts === PUBLISH_ATTEMPTS) {
        throw ApplicationFailure.nonRetryable(
          `the report did not hold ${attempts} times, right after it was made: ${report.again}`,
          'InvalidInput',
        );
      }
      board.forget('analyse', report.again);
      analysis = await run('analyse');
    }
  }

  /** The recipe, top to bottom. Every name is a stage of `planCampaign`, which says what it reads. */
  async function recipe(): Promise<ManifestRef> {
    rethrowFirst(
      await Promise.allSettled([run('prepare'), ...(spec.policy.type === 'pretrain' ? [run('pretrain')] : [])]),
    );
    const base = slots.has('evaluate-base') ? run('evaluate-base') : undefined;
    const [evaluated, searched] = await Promise.allSettled([base, run('search').then(runArms)]);
    rethrowFirst([evaluated, searched]);
    return run('analyse');
  }

  /** All arms side by side. One that fails does not stop the others. */
  async function runArms(): Promise<void> {
    rethrowFirst(await Promise.allSettled(spec.arms.map(({ name }) => runArm(name))));
  }

  async function runArm(arm: string): Promise<void> {
    await run(`${arm}/linearise`);
    if (spec.until === 'linearise') return;
    await run(`${arm}/rewrite`);
    if (spec.until === 'rewrite') return;
    await run(`${arm}/sft`);
    rethrowFirst(await Promise.allSettled([run(`${arm}/evaluate-sft`), reinforce(arm)]));
  }

  async function reinforce(arm: string): Promise<void> {
    if (spec.until === 'sft') return;
    await run(`${arm}/curriculum`);
    if (spec.until === 'curriculum') return;
    await approval(arm);
    await run(`${arm}/rl`);
    await run(`${arm}/evaluate-rl`);
  }

  /** Runs a stage as a child workflow, unless an earlier run of this workflow saw it finished. */
  async function run(name: string): Promise<ManifestRef> {
    const slot = slots.get(name) as StageSlot;
    if (board.isSettled(name)) return settledResult(board.get(name));
    const { handle, sentPaused } = await started(slot);
    try {
      if (paused !== sentPaused) await handle.signal(setPausedSignal, paused).catch(ignoreClosed);
      const finished = finishedStage(slot, await handle.result());
      board.finished(finished);
      return finished.result;
    } catch (error) {
      // A fault of ours says nothing of the stage.
      if (!(error instanceof TemporalFailure)) breakDown(error);
      else board.ended(name, isCancellation(error) ? 'cancelled' : 'failed', messageOf(error));
      throw error;
    } finally {
      handles.delete(name);
    }
  }

  /** Of a stage that has ended, here or in an earlier run of this workflow. */
  function settledResult({ name, result, why, incidents }: StageStatus): ManifestRef {
    if (result !== null) return result;
    const last = incidents.at(-1);
    throw last === undefined ? ApplicationFailure.nonRetryable(`${name}: ${why}`) : stageFailure(name, last);
  }

  /** Holds new stages back while the campaign is paused, or while it lets the running ones end to continue as new. */
  async function gate(): Promise<void> {
    await condition(() => !paused);
    if (workflowInfo().continueAsNewSuggested) draining = true;
    if (!draining) return;
    await condition(() => handles.size === 0 && starting === 0);
    drain('drained');
    await condition(() => false); // the next run takes over
  }

  /**
   * Starts a stage as soon as its id is free. In between, the campaign pauses and continues as new as if the stage had not begun: nothing says
   * how long others keep the id.
   */
  async function started(slot: StageSlot): Promise<{ handle: ChildWorkflowHandle<typeof stage>; sentPaused: boolean }> {
    for (let seconds = FIRST_WAIT_SECONDS; ; seconds = Math.min(2 * seconds, LONGEST_WAIT_SECONDS)) {
      await gate();
      starting += 1;
      const sentPaused = paused;
      board.begin(slot.name);
      try {
        const handle = await startStage(slot);
        handles.set(slot.name, handle);
        return { handle, sentPaused };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      } finally {
        starting -= 1;
      }
      await waitForId(slot.name, seconds);
    }
  }

  /**
   * Waits while the id of a stage is taken: by the stage of a run of this campaign that was terminated or reset, which still has machines, or
   * by a workflow of somebody else. The former is asked to end (as a termination asks it, but a reset does not).
   */
  async function waitForId(name: string, seconds: number): Promise<void> {
    const workflowId = `${campaignId}/${name}`;
    const why = `a workflow ${workflowId} is open: a stage of an earlier run of this campaign, which still stops, or of somebody else`;
    board.become(name, 'blocked', `${why}; it is asked to end, and this stage begins when it has`);
    if (seconds === FIRST_WAIT_SECONDS && patched('end-earlier-stage')) {
      await getExternalWorkflowHandle(workflowId).cancel().catch(ignoreClosed);
    }
    await sleep(seconds * 1000, { summary: `the id of ${name} is taken` });
  }

  /** @throws WorkflowExecutionAlreadyStartedError when a workflow of the id of this stage is open */
  function startStage(slot: StageSlot): Promise<ChildWorkflowHandle<typeof stage>> {
    return startChild(stage, {
      workflowId: `${campaignId}/${slot.name}`,
      args: [
        {
          campaignId,
          campaignRun,
          arm: slot.arm,
          request: stageRequest(spec, slot, board.results()),
          onFailure: spec.onFailure,
          mayBeEmpty: !feedsTraining(slot.name, [...slots.values()]),
          paused,
        },
      ],
      staticSummary: `${spec.name}: ${slot.name}`,
      // Terminated or timed out, the campaign still frees its machines.
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
  }

  async function approval(arm: string): Promise<void> {
    if (!spec.approveBeforeRl || approved.has(arm)) return;
    board.become(`${arm}/rl`, 'blocked', 'waits for approve');
    await condition(() => approved.has(arm));
    board.become(`${arm}/rl`, 'pending');
  }

  async function pause(): Promise<void> {
    paused = true;
    board.show();
    await tellStages();
  }

  async function resume(): Promise<void> {
    paused = false;
    board.show();
    // Until they say so themselves: a pause that comes at once must wait for them.
    for (const name of handles.keys()) if (board.get(name).state === 'paused') board.become(name, 'starting');
    await tellStages();
  }

  /** @throws Refusal when the stage is not held. Where the table says so, the stage is asked: anyone can have told the table */
  async function retryStage(name: string): Promise<void> {
    if (!isHeld(name) && handles.has(name)) await ask([name]);
    refuseIf(!isHeld(name), notHeld(name));
    board.become(name, 'starting');
    await handles.get(name)?.signal(retrySignal);
  }

  /**
   * Returns when no stage has a process left. What stages tell is a hint only, since anyone can send `stageChanged`: before this returns
   * they are asked. @throws Refusal when the campaign is resumed meanwhile
   */
  async function untilAtRest(): Promise<void> {
    const restIsTold = (): boolean =>
      starting === 0 && [...handles.keys()].every((name) => AT_REST.has(board.get(name).state));
    if (!patched('pause-asks-stages')) return condition(restIsTold);
    for (;;) {
      await condition(() => !paused || restIsTold(), ASK_AFTER_SECONDS * 1000, { summary: 'machines are being freed' });
      if (!paused) throw new Refusal('resumed before every machine was free');
      if (starting > 0) continue;
      await ask([...handles.keys()]);
      if (restIsTold()) return;
    }
  }

  /** Asks stages how they stand, and corrects the table. */
  async function ask(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    for (const answer of answerOf(await askStages({ campaignId, stages: names }))) {
      // One that has ended meanwhile answers by its result.
      if (handles.has(answer.name) && answer.result === null) board.told(answer);
    }
  }

  /** A stage that goes on though the campaign is paused, or the other way round, was told so by somebody else. */
  async function setRight({ name, state }: StageStatus): Promise<void> {
    const strays = paused ? GOING.has(state) : PAUSING.has(state);
    if (strays && patched('stray-pause')) await handles.get(name)?.signal(setPausedSignal, paused).catch(ignoreClosed);
  }

  /** @param arm - all of them when none is named */
  function approve(arm: string | undefined): void {
    for (const { name } of spec.arms) if (arm === undefined || arm === name) approved.add(name);
  }

  async function tellStages(): Promise<void> {
    await Promise.all(
      [...handles.values()].map((handle) => handle.signal(setPausedSignal, paused).catch(ignoreClosed)),
    );
  }

  function notHeld(name: string): string {
    const held = board.all().filter(({ state }) => state === 'held');
    if (held.length === 0)
      return `stage: no stage of this campaign is held, so there is nothing to retry; got ${shownValue(name)}`;
    const known = held.map((one) => one.name).join(', ');
    return `stage: expected a held stage (${known}), but got ${shownValue(name)}`;
  }

  function isHeld(name: string): boolean {
    return handles.has(name) && board.get(name).state === 'held';
  }

  function refuseUnknownArm(arm: string | undefined): void {
    const arms = spec.arms.map(({ name }) => name);
    refuseIf(
      arm !== undefined && !arms.includes(arm),
      `arm: expected one of ${arms.join(', ')}, but got ${shownValue(arm)}`,
    );
  }
}

/** @throws Refusal */
function refuseIf(wrong: boolean, message: string): void {
  if (wrong) throw new Refusal(message);
}

/** A stage that ends between the decision and the signal has nothing left to pause. */
function ignoreClosed(error: unknown): void {
  if (isCancellation(error)) throw error;
}

/** Throws the first failure, once all have settled: a cancellation wins, as it explains the rest. */
function rethrowFirst(results: readonly PromiseSettledResult<unknown>[]): void {
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (reasons.length > 0) throw reasons.find(isCancellation) ?? reasons[0];
}
