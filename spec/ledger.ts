import { z } from 'zod';
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

/** What a stage has been through: executions so far, and what each failure class has spent. */
export const Ledger = z.object({
  /** Failed executions by class. Preemptions are counted here too, though they spend nothing. */
  failures: z.partialRecord(FailureClass, z.int().min(0)).default({}),
  history: z.array(Incident).default([]).describe('The last failures, oldest first; at most HISTORY_LENGTH.'),
  executions: z.int().min(0).default(0).describe('Executions started by this campaign.'),
  excludedNodes: z.array(z.string()).default([]).describe('Nodes that failed under it, oldest first.'),
});
export type Ledger = z.infer<typeof Ledger>;

export const HISTORY_LENGTH = 20;
/** More nodes than this are not kept away from: where so many fail, the fault is elsewhere. *Ours*. */
export const MAX_EXCLUDED_NODES = 16;
export const NEW_LEDGER: Ledger = { failures: {}, history: [], executions: 0, excludedNodes: [] };

/** The ledger after one more failure. */
export function afterFailure(ledger: Ledger, incident: Incident): Ledger {
  return {
    ...ledger,
    failures: { ...ledger.failures, [incident.class]: (ledger.failures[incident.class] ?? 0) + 1 },
    history: [...ledger.history, incident].slice(-HISTORY_LENGTH),
  };
}
