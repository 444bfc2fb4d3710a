import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import {
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
import { campaignDetails } from './policy/details.ts';

// Named and typed in spec/search-attributes.ts, which registers them.
const MODEL = defineSearchAttributeKey('OrreryModel', SearchAttributeType.KEYWORD);
const PHASE = defineSearchAttributeKey('OrreryPhase', SearchAttributeType.KEYWORD);
const ARM = defineSearchAttributeKey('OrreryArm', SearchAttributeType.KEYWORD_LIST);
const GPU_HOURS = defineSearchAttributeKey('OrreryGpuHours', SearchAttributeType.DOUBLE);

/** States in which a stage that has been started runs nothing, and will not by itself. */
export const AT_REST: ReadonlySet<StageState> = new Set([
  ...(['paused', 'held', 'completed', 'reused', 'failed', 'cancelled'] as const),
]);

/** States in which a stage has processes, or is about to. Blocked, paused and held ones have none. */
const ACTIVE: ReadonlySet<StageState> = new Set(['starting', 'running', 'pausing', 'backing-off']);

/**
 * The table of stages: kept from the signals of the children, shown in the UI, answered to `status`. Looking at it changes nothing: a query
 * that left a trace here would make the replay of a history another run.
 */
export function openBoard(
  spec: CampaignSpec,
  campaignId: string,
  slots: readonly StageSlot[],
  isPaused: () => boolean,
  known: readonly StageStatus[] = [],
) {
  const stages = new Map<string, StageStatus>(
    slots.map(({ name, kind, arm }) => [name, pendingStage({ name, kind, arm })]),
  );
  for (const status of known) stages.set(status.name, status);
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
    };
  }

  function show(): void {
    const now = status();
    setCurrentDetails(campaignDetails(now));
    if (tagged === null) return;
    const next = { phase: runningKinds(now), gpuHours: Math.round(now.gpuHours * 100) / 100 };
    if (next.phase === tagged.phase && next.gpuHours === tagged.gpuHours) return;
    tagged = next;
    upsertSearchAttributes([
      { key: PHASE, value: next.phase },
      { key: GPU_HOURS, value: next.gpuHours },
    ]);
  }

  return {
    all,
    status,
    show,
    get: (name: string): StageStatus => stages.get(name) as StageStatus,
    results: (): Map<string, ManifestRef> =>
      new Map(all().flatMap(({ name, result }) => (result === null ? [] : [[name, result] as const]))),
    update(changed: StageStatus): void {
      const progress = changed.progress ?? stages.get(changed.name)?.progress ?? null;
      stages.set(changed.name, { ...changed, progress });
      show();
    },
    become(name: string, state: StageState, why: string | null = null): void {
      stages.set(name, { ...(stages.get(name) as StageStatus), state, why });
      show();
    },
    /** For a stage whose workflow ended without a word of its own: terminated by hand, or by a failure that nobody foresaw. */
    ended(name: string, state: 'failed' | 'cancelled', why: string): void {
      const before = stages.get(name) as StageStatus;
      if (before.state === 'failed' || before.state === 'cancelled') return;
      stages.set(name, { ...before, state, why });
      show();
    },
    progress(name: string, progress: Progress): void {
      const before = stages.get(name);
      if (before === undefined) return;
      stages.set(name, { ...before, progress });
      show();
    },
    close(html: string): void {
      report = html;
      show();
    },
    /** From now on the campaign can be found by model, arm, phase and GPU-hours. */
    tagSearchAttributes(): void {
      tagged = { phase: '', gpuHours: -1 };
      upsertSearchAttributes([
        { key: MODEL, value: spec.policy.name },
        { key: ARM, value: spec.arms.map(({ name }) => name) },
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
