import { z } from 'zod';
import { Failure, FailureClass } from './failures.ts';

/** What a stage has been through: executions so far, and what each failure class has spent. */
export const Ledger = z.object({
  /** Failed executions by class. Preemptions are counted here too, though they spend nothing. */
  failures: z.partialRecord(FailureClass, z.int().min(0)).default({}),
  history: z.array(Failure).default([]).describe('The last failures, oldest first; at most HISTORY_LENGTH.'),
  executions: z.int().min(0).default(0).describe('Executions started by this campaign.'),
});
export type Ledger = z.infer<typeof Ledger>;

export const HISTORY_LENGTH = 20;
export const NEW_LEDGER: Ledger = { failures: {}, history: [], executions: 0 };

/** The ledger after one more failure. */
export function afterFailure(ledger: Ledger, failure: Failure): Ledger {
  return {
    ...ledger,
    failures: { ...ledger.failures, [failure.class]: (ledger.failures[failure.class] ?? 0) + 1 },
    history: [...ledger.history, failure].slice(-HISTORY_LENGTH),
  };
}
