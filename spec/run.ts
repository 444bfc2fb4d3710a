import { z } from 'zod';
import { FAILURES, FailureClass, type FailureClass as FailureClassName } from './failures.ts';

/** How many more attempts one failure class may cost. What is not set keeps the value of the failure table. */
export const FailureBudgets = z
  .partialRecord(FailureClass, z.int().min(0).max(1000))
  .describe(
    'Attempts that a failure class may spend in this stage, by class name. Unset classes keep the failure table’s budget.',
  );
export type FailureBudgets = z.infer<typeof FailureBudgets>;

/** What one pod of a stage asks of its machine. */
export const Resources = z
  .strictObject({
    cpus: z.number().positive().default(1).describe('CPU cores. A local process gets this many threads.'),
    memoryGiB: z.number().positive().optional().describe('Memory in GiB.'),
    gpus: z.int().min(0).default(0).describe('GPUs.'),
    gpuMemoryGiB: z.number().positive().optional().describe('Least memory of each GPU in GiB.'),
  })
  .prefault({});
export type Resources = z.infer<typeof Resources>;

/**
 * How a stage is executed. Of all this only `shards`, `ranks` and whether there is a GPU change its result (and so enter its key); `cpus`
 * changes the order of sums, and with it the last bits.
 */
export const Run = z
  .strictObject({
    shards: z.int().min(1).max(10_000).default(1).describe('Pods that divide the problems of the stage among them.'),
    parallelism: z.int().min(1).optional().describe('Shards that run at the same time; all of them when not set.'),
    ranks: z.int().min(1).max(10_000).default(1).describe('Pods of a training gang; each has its rank.'),
    resources: Resources,
    stallTimeoutSeconds: z
      .number()
      .positive()
      .default(1800)
      .describe('Without progress for this long the execution is taken for stalled and started again.'),
    graceSeconds: z
      .number()
      .positive()
      .default(120)
      .describe('Time between SIGTERM and SIGKILL, to save a checkpoint in.'),
    failureBudgets: FailureBudgets.default({}),
  })
  .prefault({});
export type Run = z.infer<typeof Run>;

/** The budget in force for one class: the spec's, else the failure table's. `null` means without limit. */
export function budgetOf(run: Pick<Run, 'failureBudgets'>, failure: FailureClassName): number | null {
  return run.failureBudgets[failure] ?? FAILURES[failure].budget;
}
