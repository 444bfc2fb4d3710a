/** What the states of stages mean for their campaign. */
import type { CampaignPhase, CampaignStatus, StageState, StageStatus } from '../../spec/index.ts';

/** States of a started stage in which it has no processes and starts none by itself. */
const AT_REST: ReadonlySet<StageState> = new Set(['paused', 'held', 'completed', 'reused', 'failed', 'cancelled']);

/** States in which the workflow of a stage returns a result. */
const FINISHED: ReadonlySet<StageState> = new Set(['completed', 'reused']);

/**
 * States in which a stage has processes or is about to start some. A stage that is blocked, paused or held has none.
 */
const ACTIVE: ReadonlySet<StageState> = new Set(['starting', 'running', 'pausing', 'backing-off']);

/** States that a stage reports only while it is not asked to pause, and only while it is. */
const REPORTED_UNPAUSED: ReadonlySet<StageState> = new Set(['starting', 'running', 'backing-off', 'blocked']);
const REPORTED_PAUSED: ReadonlySet<StageState> = new Set(['pausing', 'paused']);

export const isAtRest = (state: StageState): boolean => AT_REST.has(state);
export const isFinished = (state: StageState): boolean => FINISHED.has(state);

/** Whether a stage reports a state that contradicts what its campaign asked for. */
export const contradictsPause = (state: StageState, campaignPaused: boolean): boolean =>
  (campaignPaused ? REPORTED_UNPAUSED : REPORTED_PAUSED).has(state);

/** @param report - path of the published report; null before */
export function campaignPhase(
  stages: readonly Pick<StageStatus, 'state'>[],
  paused: boolean,
  report: string | null,
): CampaignPhase {
  const any = (...states: StageState[]) => stages.some(({ state }) => states.includes(state));
  if (report !== null) return 'completed';
  if (any('cancelled')) return 'cancelled';
  if (paused) return any(...ACTIVE) ? 'pausing' : 'paused';
  if (any('failed')) return 'failed';
  return any('held') && !any(...ACTIVE) ? 'held' : 'running';
}

/** The phase as people search for it: the kinds of the running stages, or the phase of the campaign when none runs. */
export function searchablePhase({ stages, phase }: Pick<CampaignStatus, 'stages' | 'phase'>): string {
  const kinds = stages.filter(({ state }) => state === 'running').map(({ kind }) => kind);
  return kinds.length === 0 ? phase : [...new Set(kinds)].join(',');
}
