import { z } from 'zod';
import {
  BUDGET_PER_DAY,
  FAILURES,
  FailureAction,
  FailureClass,
  type FailureClass as FailureClassName,
  type FailureRule,
} from './failures.ts';
import { seconds, whole, wholeSeconds } from './fields.ts';
import { KubernetesPlacement, PolicyServerRun } from './kubernetes.ts';
import { imageReference } from './kubernetes-names.ts';

/** What a stage does about failure classes where it departs from the failure table. What is not set keeps the table's value. */
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
        .describe('Attempts that the class may spend without keeping any work between them; null for no limit.'),
      budgetPerDay: z
        .int()
        .min(1)
        .max(10_000)
        .nullable()
        .optional()
        .describe(
          `Attempts that the class may spend in 24 h, whatever is kept between them; null for no limit. Where not set: ${BUDGET_PER_DAY}, or the budget where that is more or null.`,
        ),
      backoffSeconds: z
        .strictObject({ initial: seconds(0, 24), max: seconds(0, 24) })
        .refine(({ initial, max }) => initial <= max, { path: ['initial'], message: 'expected a value not above max' })
        .optional()
        .describe('Wait before the next attempt: initial, doubled with every failure of the class, at most max.'),
    }),
  )
  .superRefine((policies, check) => {
    // Nothing that waiting does not mend is tried for ever.
    for (const name of FailureClass.options) {
      if (FAILURES[name].action !== 'stop' || policies[name]?.budget !== null) continue;
      const message = 'expected a number, as no attempt by itself mends a failure of this class';
      check.addIssue({ code: 'custom', path: [name, 'budget'], message, input: null });
    }
  })
  .describe(
    'What follows a failure in this stage, by class name. Unset classes and fields keep the failure table’s values.',
  );
export type FailurePolicies = z.infer<typeof FailurePolicies>;

/** What one pod of a stage asks of its machine. */
export const Resources = z
  .strictObject({
    cpus: z.number().min(0.01).max(1024).default(1).describe('CPU cores. A local process gets this many threads.'),
    memoryGiB: z
      .number()
      .min(1 / 8)
      .max(65_536)
      .optional()
      .describe('Memory in GiB.'),
    gpus: whole(0, 128).default(0).describe('GPUs.'),
    gpuMemoryGiB: z.number().min(1).max(1024).optional().describe('Least memory of each GPU in GiB.'),
    pricePerGpuHour: z
      .number()
      .min(0)
      .max(1_000_000)
      .optional()
      .describe(
        'Price of one GPU for an hour, in any currency: where it is set, a search tells what it has cost so far.',
      ),
  })
  .prefault({});
export type Resources = z.infer<typeof Resources>;

/**
 * How a stage is executed. Of all this only `shards`, `ranks`, whether there is a GPU, the engine of the policy server and an image that is
 * pinned by digest change its result (and so enter its key); `cpus` changes the order of sums, and with it the last bits.
 * {@link runOf} has what goes together in which stage.
 */
export const Run = z.strictObject({
  shards: whole(1, 10_000).default(1).describe('Pods that divide the problems of the stage among them.'),
  parallelism: whole(1, 10_000).optional().describe('Shards that run at the same time; all of them when not set.'),
  ranks: whole(1, 10_000).default(1).describe('Pods of a training gang; each has its rank.'),
  resources: Resources,
  stallTimeoutSeconds: seconds(1, 168)
    .default(1800)
    .describe(
      'A pod that runs without one more unit done for this long is taken for stalled, whatever the others do, and the execution is started again. Above the longest of: start to first report (imports, weights, a checkpoint’s checksums); one unit, for a trainer an optimizer step with its rollouts, verdicts and checkpoint; last unit to exit (the policy is saved and hashed).',
    ),
  graceSeconds: wholeSeconds(1, 24)
    .default(120)
    .describe(
      'Time between SIGTERM and SIGKILL, to save a checkpoint in. A trainer of one rank gives up the step that it is at; ranks of a gang finish it first.',
    ),
  failures: FailurePolicies.default({}),
  policyServer: PolicyServerRun.prefault({}).describe('What serves the policy, in stages that sample it.'),
  image: imageReference()
    .optional()
    .describe(
      'Image of the main program on Kubernetes; the cluster’s when not set. Part of the key when pinned by digest.',
    ),
  kubernetes: KubernetesPlacement.prefault({}).describe('On Kubernetes: where the cluster’s defaults are not meant.'),
});
export type Run = z.infer<typeof Run>;

/** The rule in force for one class: the failure table's, with what the spec sets in its place. */
export function ruleOf(run: Pick<Run, 'failures'>, failure: FailureClassName): FailureRule {
  const table = FAILURES[failure];
  const set = run.failures[failure] ?? {};
  const { action = table.action, backoffSeconds = table.backoffSeconds } = set;
  const budget = set.budget === undefined ? table.budget : set.budget;
  const perDay = budget === null ? null : Math.max(BUDGET_PER_DAY, budget);
  const budgetPerDay = set.budgetPerDay === undefined ? perDay : set.budgetPerDay;
  return { ...table, action, budget, budgetPerDay, backoffSeconds };
}
