import type { Account, TimeKind } from './account.ts';
import type { StageKind } from './stages/kinds.ts';
import type { StageState, StageStatus } from './status.ts';
import { NEW_ACCOUNT } from './sum-accounts.ts';

/** The kind of time that each state is charged to when it ends. */
const CHARGED_TO: Partial<Record<StageState, TimeKind>> = {
  starting: 'orchestrating',
  running: 'working',
  pausing: 'saving',
  'backing-off': 'backing-off',
  blocked: 'blocked',
  held: 'held',
  paused: 'paused',
};

/**
 * The account of a running stage, including the time since the account was last updated. This is an estimate: how much
 * of that time was starting, working or lost is known only at the end of the execution.
 * @param nowMs - ms since the epoch
 */
export function accountAt({ account, accountedUntil, state }: StageStatus, nowMs: number): Account {
  const kind = CHARGED_TO[state];
  if (kind === undefined || accountedUntil === null) return account;
  const since = Math.max(0, nowMs - Date.parse(accountedUntil)) / 1000;
  return { ...account, seconds: { ...account.seconds, [kind]: account.seconds[kind] + since } };
}

/** The status of a stage that has not begun. */
export function pendingStage(slot: { name: string; kind: StageKind; arm: string | null }): StageStatus {
  return {
    ...slot,
    key: null,
    state: 'pending',
    why: null,
    attempt: null,
    executions: 0,
    failures: 0,
    incidents: [],
    progress: null,
    startedAt: null,
    finishedAt: null,
    account: NEW_ACCOUNT,
    accountedUntil: null,
    gpuHours: 0,
    result: null,
  };
}
