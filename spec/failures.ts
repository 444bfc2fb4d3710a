import { z } from 'zod';
import { FAILURE_ACTIONS, FAILURE_CLASSES } from './failure-table.ts';

/** What follows a failure. */
export const FailureAction = z.enum(FAILURE_ACTIONS);
export type FailureAction = z.infer<typeof FailureAction>;

/** Name of a row of the failure table. */
export const FailureClass = z.enum(FAILURE_CLASSES);
export type FailureClass = z.infer<typeof FailureClass>;

/** One failed execution, as it appears in the ledger, the status and the report. */
export const Failure = z.object({
  class: FailureClass,
  message: z.string().describe('What happened: the last message of the program or the executor.'),
  attempt: z.int().min(0),
  exitCode: z.int().nullable().default(null),
  part: z.int().min(0).nullable().default(null).describe('Index of the shard or rank that failed first.'),
  node: z.string().nullable().default(null).describe('Node on which that pod ran: a machine, or some GPUs of one.'),
});
export type Failure = z.infer<typeof Failure>;

/** How one execution of a stage (one Job) ended. */
export const Outcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('completed') }),
  z.object({ kind: z.literal('failed'), failure: Failure }),
  /** It stopped on request (pause or cancel), or because it was fenced. */
  z.object({ kind: z.literal('stopped') }),
]);
export type Outcome = z.infer<typeof Outcome>;
