import { z } from 'zod';
import { BUDGET_PER_DAY, FAILURES } from './failure-table.ts';
import { FailureAction, FailureClass } from './failures.ts';
import { seconds, whole, wholeSeconds } from './fields.ts';
import { KubernetesPlacement, PolicyServerRun } from './kubernetes.ts';
import { imageReference } from './kubernetes-names.ts';

/** Overrides of the failure table for one stage. A field that is not set keeps the value of the table. */
export const FailurePolicies = z
  .partialRecord(
    FailureClass,
    z.strictObject({
      action: FailureAction.optional().describe('What follows a failure of this class.'),
      budget: z
        .int()
        .min(0)
        .max(1000)
        .nullable()
        .optional()
        .describe('Number of retries for failures of this class since work was last kept; null for no limit.'),
      budgetPerDay: z
        .int()
        .min(1)
        .max(10_000)
        .nullable()
        .optional()
        .describe(
          `Number of retries in 24 h for failures of this class, even if work was kept between them; null for no limit. Default: the larger of ${BUDGET_PER_DAY} and the budget; no limit if the budget is null.`,
        ),
      backoffSeconds: z
        .strictObject({ initial: seconds(0, 24), max: seconds(0, 24) })
        .refine(({ initial, max }) => initial <= max, { path: ['initial'], message: 'expected at most max' })
        .optional()
        .describe(
          'Wait before the next attempt. It starts with initial and doubles with every failure of the class, up to max.',
        ),
    }),
  )
  .superRefine((policies, check) => {
    // A failure that waiting cannot fix must not be retried without limit.
    for (const name of FailureClass.options) {
      if (FAILURES[name].action !== 'stop' || policies[name]?.budget !== null) continue;
      const message = 'expected a number, because a retry does not fix a failure of this class';
      check.addIssue({ code: 'custom', path: [name, 'budget'], message, input: null });
    }
  })
  .describe(
    'How this stage handles failures, by failure class. Fields that are not set keep the value of the failure table.',
  );
export type FailurePolicies = z.infer<typeof FailurePolicies>;

/** Resources that one pod of a stage requests. */
export const Resources = z
  .strictObject({
    cpus: z.number().min(0.01).max(1024).default(1).describe('CPU cores. A local process gets this many threads.'),
    memoryGiB: z
      .number()
      .min(1 / 8)
      .max(65_536)
      .optional()
      .describe('Memory in GiB.'),
    gpus: whole(0, 128).default(0).describe('Number of GPUs.'),
    gpuMemoryGiB: z.number().min(1).max(1024).optional().describe('Minimum memory of each GPU in GiB.'),
    pricePerGpuHour: z
      .number()
      .min(0)
      .max(1_000_000)
      .optional()
      .describe('Price of one GPU-hour, in any currency. If set, a running search reports its cost.'),
  })
  .prefault({});
export type Resources = z.infer<typeof Resources>;

/**
 * How a stage is executed. Only these settings change its result and so are part of its key: `shards`, `ranks`, whether
 * there is a GPU, the engine of the policy server, and an image pinned by digest. `cpus` changes the order of sums and
 * with it the last bits of a result. {@link runOf} has the rules for the combinations that each kind of stage allows.
 */
export const Run = z.strictObject({
  shards: whole(1, 10_000).default(1).describe('Number of pods among which the problems of the stage are divided.'),
  parallelism: whole(1, 10_000).optional().describe('Number of shards that run at the same time; all when not set.'),
  ranks: whole(1, 10_000).default(1).describe('Number of pods of a training gang, each with its own rank.'),
  resources: Resources,
  stallTimeoutSeconds: seconds(1, 168)
    .default(1800)
    .describe(
      'Time without progress after which a running pod counts as stalled, and the execution is started again. It must exceed each of these times: from the start to the first report (imports, weights, checksums of a checkpoint); one unit of work (for a trainer: an optimizer step with its rollouts, verdicts and checkpoint); from the last unit to the exit (the policy is saved and hashed).',
    ),
  graceSeconds: wholeSeconds(1, 24)
    .default(120)
    .describe(
      'Time between SIGTERM and SIGKILL, for saving a checkpoint. A trainer with one rank discards its current step first; the ranks of a gang finish their current step first.',
    ),
  failures: FailurePolicies.default({}),
  policyServer: PolicyServerRun.prefault({}).describe('The policy server, for stages that sample the policy.'),
  image: imageReference()
    .optional()
    .describe(
      'Image of the main program on Kubernetes; the default of the cluster when not set. Part of the key if pinned by digest.',
    ),
  kubernetes: KubernetesPlacement.prefault({}).describe(
    'Settings for Kubernetes that override the defaults of the cluster.',
  ),
});
export type Run = z.infer<typeof Run>;
