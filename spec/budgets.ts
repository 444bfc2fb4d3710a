import type { KeptWork } from './account.ts';
import type { FailureClass } from './failures.ts';
import type { Incident, Ledger } from './ledger.ts';

export const HISTORY_LENGTH = 20;
/** Maximum number of excluded nodes. If more nodes fail, the cause is probably not the nodes. *Ours*. */
export const MAX_EXCLUDED_NODES = 16;
/**
 * Maximum number of shards whose kept work the ledger remembers. It forgets the oldest one first. The next failure of a
 * forgotten shard may count as progress, which resets the budgets once too often. *Ours*.
 */
export const MAX_KEPT_PARTS = 256;
export const NEW_LEDGER: Ledger = { failures: {}, history: [], executions: 0, excludedNodes: [] };

const DAY_MS = 24 * 60 * 60 * 1000;

/** Number of failures of a class since work was last kept. In a ledger of an older version: of all failures. */
export const spentOn = (ledger: Ledger, failure: FailureClass): number =>
  (ledger.spent ?? ledger.failures)[failure] ?? 0;

/** Number of failures of a class in the 24 h that `at` falls into. */
export function spentInDay(ledger: Ledger, failure: FailureClass, at: string): number {
  const day = ledger.days?.[failure];
  return day === undefined || isOver(day.since, at) ? 0 : day.failures;
}

const isOver = (since: string, at: string): boolean => Date.parse(at) - Date.parse(since) >= DAY_MS;

/** The ledger after one more failure. */
export function afterFailure(ledger: Ledger, incident: Incident): Ledger {
  const { class: name, at } = incident;
  const inDay = spentInDay(ledger, name, at);
  const since = inDay === 0 ? at : (ledger.days?.[name]?.since ?? at);
  return {
    ...ledger,
    failures: { ...ledger.failures, [name]: (ledger.failures[name] ?? 0) + 1 },
    spent: { ...(ledger.spent ?? ledger.failures), [name]: spentOn(ledger, name) + 1 },
    days: { ...ledger.days, [name]: { since, failures: inDay + 1 } },
    history: [...ledger.history, incident].slice(-HISTORY_LENGTH),
  };
}

/**
 * The ledger after a failed execution. If the execution made progress beyond all earlier ones, every budget is reset.
 *
 * A shard is compared only with its own earlier progress. Otherwise the progress of other shards would keep resetting
 * the budget of a shard that can never continue.
 * @param kept - null when unknown; that counts as no progress
 */
export function afterKeptWork(ledger: Ledger, kept: KeptWork | null): Ledger {
  if (kept === null) return ledger;
  // The name is no bare number, because objects sort numeric keys and so lose the order of insertion.
  const name = kept.part === null ? 'all' : `part ${kept.part}`;
  const { [name]: before = 0, ...others } = ledger.kept ?? {};
  if (kept.units <= Math.max(before, kept.from)) return ledger;
  const remembered = Object.entries(others).slice(-(MAX_KEPT_PARTS - 1));
  return { ...ledger, spent: {}, kept: { ...Object.fromEntries(remembered), [name]: kept.units } };
}

/** The ledger after a person has requested a retry: budgets and excluded nodes are reset, and the history stays. */
export const afterRetry = (ledger: Ledger): Ledger => ({ ...ledger, spent: {}, days: {}, excludedNodes: [] });
