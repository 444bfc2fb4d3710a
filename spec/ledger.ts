import { z } from 'zod';
import type { KeptWork } from './account.ts';
import { Failure, FailureClass } from './failures.ts';

/** A failed execution and what followed. The status, the UI and the report show it. */
export const Incident = Failure.extend({
  at: z.iso.datetime(),
  followed: z.string().describe('What was done about it.'),
  costSeconds: z
    .number()
    .min(0)
    .describe(
      'Time from the failure until work was back at the point where it had been: waiting, starting again, redoing work.',
    ),
  lostUnits: z.number().min(0).describe('Units of work that had to be done again.'),
});
export type Incident = z.infer<typeof Incident>;

const perClass = z.partialRecord(FailureClass, z.int().min(0));

/** The executions of a stage so far, and the failures that count against its budgets. */
export const Ledger = z.object({
  /** Failed executions by class. Preemptions are included, although they have no budget. */
  failures: perClass.default({}),
  history: z.array(Incident).default([]).describe('The last failures, oldest first; at most HISTORY_LENGTH.'),
  executions: z.int().min(0).default(0).describe('Executions started by this campaign.'),
  excludedNodes: z.array(z.string()).default([]).describe('Nodes that failed during its executions, oldest first.'),
  spent: perClass
    .optional()
    .describe('Failures by class since work was last kept. They count against the budgets of the failure table.'),
  days: z
    .partialRecord(FailureClass, z.object({ since: z.iso.datetime(), failures: z.int().min(0) }))
    .optional()
    .describe(
      'Failures by class in the current day, which is 24 h that begin with a failure. They count against `budgetPerDay`.',
    ),
  kept: z
    .record(z.string(), z.number().min(0))
    .optional()
    .describe(
      'Highest number of units ever safe in the store, by failed shard (`part 3`) or for the whole stage (`all`).',
    ),
});
export type Ledger = z.infer<typeof Ledger>;

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
