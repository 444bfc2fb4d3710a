import { z } from 'zod';
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
