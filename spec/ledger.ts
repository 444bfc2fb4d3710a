import { z } from 'zod';
import type { KeptWork } from './account.ts';
import { Failure, FailureClass } from './failures.ts';

/** A failed execution with what followed: told in the status, the UI and the report. */
export const Incident = Failure.extend({
  at: z.iso.datetime(),
  followed: z.string().describe('What was done about it, in words.'),
  costSeconds: z
    .number()
    .min(0)
    .describe(
      'From the failure until work stood where it had stood before: waits, the start of the next execution, work redone.',
    ),
  lostUnits: z.number().min(0).describe('Units of work that were done again.'),
});
export type Incident = z.infer<typeof Incident>;

const perClass = z.partialRecord(FailureClass, z.int().min(0));

/** What a stage has been through: executions so far, and what each failure class has spent. */
export const Ledger = z.object({
  /** Failed executions by class. Preemptions are counted here too, though they spend nothing. */
  failures: perClass.default({}),
  history: z.array(Incident).default([]).describe('The last failures, oldest first; at most HISTORY_LENGTH.'),
  executions: z.int().min(0).default(0).describe('Executions started by this campaign.'),
  excludedNodes: z.array(z.string()).default([]).describe('Nodes that failed under it, oldest first.'),
  spent: perClass.optional().describe('Failures by class since work was last kept: what budgets count.'),
  days: z
    .partialRecord(FailureClass, z.object({ since: z.iso.datetime(), failures: z.int().min(0) }))
    .optional()
    .describe('Failures by class in its present day: 24 h that begin with a failure. What `budgetPerDay` counts.'),
  kept: z
    .record(z.string(), z.number().min(0))
    .optional()
    .describe('Most units that were ever safe, by shard (`part 3`; `all`: the whole stage), of those that failed.'),
});
export type Ledger = z.infer<typeof Ledger>;

export const HISTORY_LENGTH = 20;
/** More nodes than this are not kept away from: where so many fail, the fault is elsewhere. *Ours*. */
export const MAX_EXCLUDED_NODES = 16;
/** Shards of which the ledger remembers how far they were. Of more the oldest is forgotten, which spares it one failure. *Ours*. */
export const MAX_KEPT_PARTS = 256;
export const NEW_LEDGER: Ledger = { failures: {}, history: [], executions: 0, excludedNodes: [] };

const DAY_MS = 24 * 60 * 60 * 1000;

/** Failures of a class since work was last kept. A ledger of an older version counts all of them. */
export const spentOn = (ledger: Ledger, failure: FailureClass): number =>
  (ledger.spent ?? ledger.failures)[failure] ?? 0;

/** Failures of a class in the day that `at` falls into. */
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
 * The ledger after an execution that has failed: if its work stands further than ever before, every budget begins anew.
 *
 * A shard is compared with itself alone. Otherwise one that can never go on would live on the progress of the others.
 * @param kept - null where nothing is known of it, which is no progress
 */
export function afterKeptWork(ledger: Ledger, kept: KeptWork | null): Ledger {
  if (kept === null) return ledger;
  const whose = kept.part === null ? 'all' : `part ${kept.part}`; // no bare number: objects sort those, and forget the age
  const { [whose]: before = 0, ...others } = ledger.kept ?? {};
  if (kept.units <= Math.max(before, kept.from)) return ledger;
  const remembered = Object.entries(others).slice(-(MAX_KEPT_PARTS - 1));
  return { ...ledger, spent: {}, kept: { ...Object.fromEntries(remembered), [whose]: kept.units } };
}

/** The ledger after a person has asked for another attempt: budgets and exclusions begin anew, what has happened stays told. */
export const afterRetry = (ledger: Ledger): Ledger => ({ ...ledger, spent: {}, days: {}, excludedNodes: [] });
