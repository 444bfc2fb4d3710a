import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import {
  boundedText,
  type CampaignPhase,
  type CampaignSpec,
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
import { WORDS_LENGTH } from './input/status.ts';
import { campaignDetails } from './policy/details.ts';
import { keywordList, keywordText } from './policy/keywords.ts';

// Named and typed in spec/search-attributes.ts, which registers them.
const MODEL = defineSearchAttributeKey('OrreryModel', SearchAttributeType.KEYWORD);
const PHASE = defineSearchAttributeKey('OrreryPhase', SearchAttributeType.KEYWORD);
const ARM = defineSearchAttributeKey('OrreryArm', SearchAttributeType.KEYWORD_LIST);
const GPU_HOURS = defineSearchAttributeKey('OrreryGpuHours', SearchAttributeType.DOUBLE);

/** States in which a stage that has been started runs nothing, and will not by itself. */
export const AT_REST: ReadonlySet<StageState> = new Set([
  ...(['paused', 'held', 'completed', 'reused', 'failed', 'cancelled'] as const),
]);

/** States in which a stage has a result, which its workflow returns. */
const FINISHED: ReadonlySet<StageState> = new Set(['completed', 'reused']);

/** States in which a stage has processes, or is about to. Blocked, paused and held ones have none. */
const ACTIVE: ReadonlySet<StageState> = new Set(['starting', 'running', 'pausing', 'backing-off']);

/** What an earlier run of the campaign knows of its stages. */
export interface KnownStages {
  readonly stages: readonly StageStatus[];
  /** Those whose workflow has ended: with a result, or as failed. Older code handed over the statuses alone. */
  readonly settled?: readonly string[];
}

/**
 * The table of stages, shown in the UI and answered to `status`. What signals tell of a stage is shown until the stage has ended; its result,
 * and that it failed, come from the end of its workflow alone. Looking at the table changes nothing: a query that left a trace here would
 * make the replay of a history another run.
 */
export function openBoard(
  spec: CampaignSpec,
  campaignId: string,
  slots: readonly StageSlot[],
  isPaused: () => boolean,
  known: KnownStages = { stages: [] },
) {
  const stages = new Map<string, StageStatus>(
    slots.map(({ name, kind, arm }) => [name, pendingStage({ name, kind, arm })]),
  );
  for (const status of known.stages) stages.set(status.name, status);
  const settled = new Set(
    known.settled ??
      known.stages.filter(({ state, result }) => result !== null || state === 'failed').map(({ name }) => name),
  );
  /** Stages whose workflow is started, or about to be. */
  const underWay = new Set<string>();
  let report: string | null = null;
  let tagged: { phase: string; gpuHours: number } | null = null;

  const all = () => [...stages.values()];
  const gpuHours = () => all().reduce((sum, { gpuHours }) => sum + gpuHours, 0);

  function status(): CampaignStatus {
    return {
      campaignId,
      name: spec.name,
      phase: phaseOf(all(), isPaused(), report),
      stages: all(),
      account: sumAccounts(all().map(({ account }) => account)),
      gpuHours: gpuHours(),
      report,
      ...(ignoredMessages() !== undefined && { ignored: ignoredMessages() }),
    };
  }

  /** Puts a status on the table. One that cannot be shown is taken off again. */
  function put(status: StageStatus): void {
    const before = get(status.name);
    stages.set(status.name, status);
    try {
      show();
    } catch (error) {
      stages.set(status.name, before);
      throw error;
    }
  }

  const get = (name: string): StageStatus => stages.get(name) as StageStatus;

  function refuseUnlessUnderWay(name: string): void {
    if (underWay.has(name)) return;
    throw new Refusal(`expected a stage that is under way, but got ${name}`);
  }

  function show(): void {
    const now = status();
    setCurrentDetails(campaignDetails(now));
    if (tagged === null) return;
    const next = { phase: runningKinds(now), gpuHours: Math.round(now.gpuHours * 100) / 100 };
    if (next.phase === tagged.phase && next.gpuHours === tagged.gpuHours) return;
    tagged = next;
    upsertSearchAttributes([
      { key: PHASE, value: keywordText(next.phase) },
      { key: GPU_HOURS, value: next.gpuHours },
    ]);
  }

  return {
    all,
    status,
    show,
    get,
    isSettled: (name: string): boolean => settled.has(name),
    settled: (): string[] => [...settled],
    results: (): Map<string, ManifestRef> =>
      new Map(
        all().flatMap(({ name, result }) => (result === null || !settled.has(name) ? [] : [[name, result] as const])),
      ),
    /** The workflow of a stage is about to be started: from now on it is listened to. */
    begin(name: string): void {
      underWay.add(name);
      put({ ...get(name), state: 'starting', why: null });
    },
    become(name: string, state: StageState, why: string | null = null): void {
      put({ ...get(name), state, why });
    },
    /** What a signal tells of a stage. @throws Refusal when it cannot be of that stage; then nothing has changed */
    told(status: StageStatus): void {
      refuseUnlessUnderWay(status.name);
      const { kind, arm, progress } = get(status.name);
      if (status.kind !== kind || status.arm !== arm || status.result !== null || FINISHED.has(status.state)) {
        throw new Refusal(
          `expected the ${kind} stage of ${status.name} before its end; a result comes from its workflow alone`,
        );
      }
      put({ ...status, progress: status.progress ?? progress });
    },
    /** A finished stage whose result does not hold any more, and which is to run again. */
    forget(name: string, why: string): void {
      settled.delete(name);
      put({ ...get(name), state: 'pending', why: boundedText(why, WORDS_LENGTH), result: null });
    },
    progress(name: string, progress: Progress): void {
      refuseUnlessUnderWay(name);
      put({ ...get(name), progress });
    },
    /** What the workflow of a stage returned. */
    finished(status: StageStatus): void {
      settled.add(status.name);
      underWay.delete(status.name);
      put({ ...status, progress: status.progress ?? get(status.name).progress });
    },
    /** The workflow of a stage has failed, or was cancelled or terminated. Where it told why itself, that stands. */
    ended(name: string, state: 'failed' | 'cancelled', why: string): void {
      underWay.delete(name);
      if (state === 'failed') settled.add(name);
      const before = get(name);
      if (before.state !== state) put({ ...before, state, why: boundedText(why, WORDS_LENGTH) });
    },
    close(html: string): void {
      report = html;
      show();
    },
    /** From now on the campaign can be found by model, arm, phase and GPU-hours. */
    tagSearchAttributes(): void {
      tagged = { phase: '', gpuHours: -1 };
      upsertSearchAttributes([
        { key: MODEL, value: keywordText(spec.policy.name) },
        { key: ARM, value: keywordList(spec.arms.map(({ name }) => name)) },
      ]);
      show();
    },
  };
}

function phaseOf(stages: readonly StageStatus[], paused: boolean, report: string | null): CampaignPhase {
  const any = (...states: StageState[]) => stages.some(({ state }) => states.includes(state));
  if (report !== null) return 'completed';
  if (any('cancelled')) return 'cancelled';
  if (paused) return any(...ACTIVE) ? 'pausing' : 'paused';
  if (any('failed')) return 'failed';
  return any('held') && !any('starting', 'running', 'pausing', 'backing-off') ? 'held' : 'running';
}

/** The phase as people search for it: the kinds that run now, else the campaign's phase. */
function runningKinds(status: CampaignStatus): string {
  const kinds = status.stages.filter(({ state }) => state === 'running').map(({ kind }) => kind);
  return kinds.length === 0 ? status.phase : [...new Set(kinds)].join(',');
}
