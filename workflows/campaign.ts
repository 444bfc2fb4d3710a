import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  allHandlersFinished,
  ChildWorkflowCancellationType,
  type ChildWorkflowHandle,
  condition,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import {
  CampaignId,
  type ManifestRef,
  parseCampaignSpec,
  parseOrRefuse,
  planCampaign,
  type StageSlot,
  type StageStatus,
} from '../spec/index.ts';
import { AT_REST, openBoard } from './board.ts';
import { atTheDoor, messageOf, stageFailure } from './failures.ts';
import {
  approveSignal,
  approveUpdate,
  pauseSignal,
  pauseUpdate,
  resumeSignal,
  resumeUpdate,
  retrySignal,
  retryStageSignal,
  retryStageUpdate,
  setPausedSignal,
  stageChangedSignal,
  stageProgressSignal,
  statusQuery,
} from './messages.ts';
import { stageRequest } from './policy/request.ts';
import { stage } from './stage.ts';
import { HEARTBEAT_TIMEOUT, RETRY } from './timeouts.ts';

const { admitCampaign, publishReport } = proxyActivities<Activities>({
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: RETRY,
});

/** Result of the workflow `campaign`. */
export interface CampaignResult {
  readonly campaignId: string;
  /** Paths in the store. */
  readonly report: { readonly html: string; readonly json: string };
  readonly stages: Readonly<Record<string, ManifestRef>>;
}

/** What an earlier run of this workflow hands over when its history grows too long. */
interface Carried {
  readonly stages: readonly StageStatus[];
  readonly approved: readonly string[];
  readonly paused: boolean;
  readonly searchAttributes: boolean;
}

/**
 * Runs a campaign from its spec to its report: search, procedure cloning, SFT, curriculum and RL for every arm, evaluation after each.
 * @param input - the campaign spec as JSON, unchecked: any client may start it
 * @throws ApplicationFailure `InvalidInput`, non-retryable: every bad field with what was expected and what came
 */
export async function campaign(input: unknown, carried?: Carried): Promise<CampaignResult> {
  const campaignRun = workflowInfo().firstExecutionRunId;
  const campaignId = atTheDoor(() => parseOrRefuse(CampaignId, workflowInfo().workflowId, 'the workflow id'));
  const spec = atTheDoor(() => parseCampaignSpec(input, 'the campaign spec'));
  const slots = new Map(planCampaign(spec).map((slot) => [slot.name, slot]));
  let paused = carried?.paused ?? false;
  const board = openBoard(spec, campaignId, [...slots.values()], () => paused, carried?.stages);
  const handles = new Map<string, ChildWorkflowHandle<typeof stage>>();
  const approved = new Set(carried?.approved);
  let draining = false;
  let starting = 0;

  setHandler(statusQuery, () => board.status());
  setHandler(stageChangedSignal, (changed) => {
    if (changed.campaignRun === campaignRun) board.update(changed.status);
  });
  setHandler(stageProgressSignal, (told) => {
    if (told.campaignRun === campaignRun) board.progress(told.stage, told.progress);
  });
  setHandler(
    pauseUpdate,
    async () => {
      await pause();
      await condition(() => starting === 0 && [...handles.keys()].every((name) => AT_REST.has(board.get(name).state)));
      return board.status();
    },
    {
      validator: () => refuseIf(paused, 'the campaign is paused already'),
      description: 'Save, free every machine, and wait.',
    },
  );
  setHandler(
    resumeUpdate,
    async () => {
      await resume();
      return board.status();
    },
    { validator: () => refuseIf(!paused, 'the campaign is not paused'), description: 'Go on where the pause stopped.' },
  );
  setHandler(
    retryStageUpdate,
    async ({ stage: name }) => {
      await retryStage(name);
      return board.status();
    },
    { validator: (request) => refuseUnlessHeld(request?.stage), description: 'Start a held stage again.' },
  );
  setHandler(
    approveUpdate,
    async (request) => {
      approve(request?.arm);
      return board.status();
    },
    { validator: (request) => refuseUnknownArm(request?.arm), description: 'Let the RL of an arm begin.' },
  );
  setHandler(pauseSignal, async () => {
    if (!paused) await pause();
  });
  setHandler(resumeSignal, async () => {
    if (paused) await resume();
  });
  setHandler(retryStageSignal, async (request) => {
    if (isHeld(request?.stage)) await retryStage(request.stage);
  });
  setHandler(approveSignal, (request) => approve(request?.arm));

  const searchAttributes = carried?.searchAttributes ?? (await admitCampaign({ campaignId, spec })).searchAttributes;
  if (searchAttributes) board.tagSearchAttributes();

  const { promise: drained, resolve: drain } = Promise.withResolvers<'drained'>();
  const outcome = await Promise.race([recipe(), drained]);
  if (outcome === 'drained') {
    await condition(allHandlersFinished);
    return continueAsNew<typeof campaign>(input, {
      stages: board.all(),
      approved: [...approved],
      paused,
      searchAttributes,
    });
  }
  const report = await publishReport({ campaignId, analysis: outcome, status: board.status() });
  board.close(report.html);
  await condition(allHandlersFinished);
  return { campaignId, report, stages: Object.fromEntries(board.results()) };

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
    const known = board.get(name);
    if (known.result !== null) return known.result;
    const lastFailure = known.incidents.at(-1);
    if (known.state === 'failed' && lastFailure !== undefined) throw stageFailure(name, lastFailure);
    await gate();
    starting += 1;
    let handle: ChildWorkflowHandle<typeof stage>;
    const sentPaused = paused;
    board.become(name, 'starting');
    try {
      handle = await startStage(slot);
      handles.set(name, handle);
    } finally {
      starting -= 1;
    }
    if (paused !== sentPaused) await handle.signal(setPausedSignal, paused);
    try {
      const finished = await handle.result();
      board.update(finished);
      return finished.result as ManifestRef;
    } catch (error) {
      board.ended(name, isCancellation(error) ? 'cancelled' : 'failed', messageOf(error));
      throw error;
    } finally {
      handles.delete(name);
    }
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

  async function startStage(slot: StageSlot): Promise<ChildWorkflowHandle<typeof stage>> {
    for (;;) {
      try {
        return await startChild(stage, {
          workflowId: `${campaignId}/${slot.name}`,
          args: [
            {
              campaignId,
              campaignRun,
              arm: slot.arm,
              request: stageRequest(spec, slot, board.results()),
              onFailure: spec.onFailure,
              paused,
            },
          ],
          staticSummary: `${spec.name}: ${slot.name}`,
          // Terminated or timed out, the campaign still frees its machines.
          parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        // The same stage of a campaign of this id that was terminated is still freeing its machines.
        board.become(slot.name, 'blocked', 'an earlier run of this campaign is still stopping');
        await sleep('2 seconds', { summary: `${slot.name} is still stopping` });
      }
    }
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

  async function retryStage(name: string): Promise<void> {
    board.become(name, 'starting');
    await handles.get(name)?.signal(retrySignal);
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

  function refuseUnlessHeld(name: string | undefined): void {
    const held = board.all().filter(({ state }) => state === 'held');
    const known = held.map((one) => one.name).join(', ') || 'none';
    refuseIf(!isHeld(name), `stage: expected a held stage (${known}), but got ${JSON.stringify(name)}`);
  }

  function isHeld(name: string | undefined): boolean {
    return board.all().some((one) => one.name === name && one.state === 'held');
  }

  function refuseUnknownArm(arm: string | undefined): void {
    const arms = spec.arms.map(({ name }) => name);
    refuseIf(
      arm !== undefined && !arms.includes(arm),
      `arm: expected one of ${arms.join(', ')}, but got ${JSON.stringify(arm)}`,
    );
  }
}

function refuseIf(wrong: boolean, message: string): void {
  if (wrong) throw ApplicationFailure.nonRetryable(message, 'Refused');
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
