import { z } from 'zod';
import { line, type RuleOf, tokens, whole, wholeSeconds, withRules } from './fields.ts';
import {
  dnsSubdomain,
  extendedResources,
  imageReference,
  labelKey,
  labelValue,
  nodeLabels,
} from './kubernetes-names.ts';

/**
 * What Kubernetes is told beyond the resources of a stage. None of it changes a result. A cluster has defaults for it (`defaults` of the
 * settings file that `ORRERY_KUBERNETES` names), and a stage may set its own as `run.kubernetes`.
 */

/** As in a pod: what it bears although a machine says that it wants no pods. */
const TolerationFields = z.strictObject({
  key: labelKey().optional(),
  operator: z.enum(['Exists', 'Equal']).optional(),
  value: labelValue().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: wholeSeconds(0, 8760).optional(),
});
// As the API server has them.
const TOLERATION_RULES: readonly RuleOf<z.output<typeof TolerationFields>>[] = [
  {
    path: ['operator'],
    expected: 'Exists where no key is given: it bears every taint',
    holds: ({ key, operator }) => key !== undefined || operator === 'Exists',
  },
  {
    path: ['value'],
    expected: 'nothing with operator Exists, which takes any value',
    holds: ({ operator, value }) => operator !== 'Exists' || value === undefined || value === '',
  },
  {
    path: ['tolerationSeconds'],
    expected: 'nothing without effect NoExecute: only that one removes pods',
    holds: ({ effect, tolerationSeconds }) => tolerationSeconds === undefined || effect === 'NoExecute',
  },
];
const Toleration = withRules(TolerationFields, TOLERATION_RULES).describe('A toleration as in a pod.');

export const KubernetesPlacement = z.strictObject({
  nodeSelector: nodeLabels()
    .optional()
    .describe('Labels that a machine must have. Those of a stage are added to the cluster’s.'),
  tolerations: z
    .array(Toleration)
    .max(64)
    .optional()
    .describe('Taints that pods bear. Those of a stage are added to the cluster’s.'),
  priorityClass: dnsSubdomain().optional().describe('Name of a PriorityClass.'),
  queue: dnsSubdomain(63)
    .optional()
    .describe('Kueue LocalQueue in which the Job waits; a cluster without Kueue ignores it.'),
  extendedResources: extendedResources()
    .optional()
    .describe('Devices of each pod beside its GPUs: RDMA, for example { "rdma/hca_shared_devices_a": 1 }.'),
  shmGiB: z
    .number()
    .min(1 / 16)
    .max(65_536)
    .optional()
    .describe('Size of /dev/shm in GiB. It counts as memory of the pod. 8 for pods with GPUs, else 1.'),
  topology: z
    .strictObject({
      key: labelKey().describe('Label whose value the machines of a gang share: a rack, an NVLink domain, a zone.'),
      mode: z.enum(['preferred', 'required']).default('preferred').describe('Whether the gang may run without.'),
    })
    .optional()
    .describe('Keeps the pods of a gang close to each other.'),
  deadlineSeconds: wholeSeconds(1, 8760)
    .optional()
    .describe('Longest time of one execution; what it has saved by then is gone on from.'),
});
export type KubernetesPlacement = z.infer<typeof KubernetesPlacement>;

/** Arguments of `vllm serve` that a stage’s own settings give. */
const OURS = ['--host', '--port', '--served-model-name', '--model', '--tensor-parallel-size', '-tp', '--max-model-len'];

const PolicyServerFields = z.strictObject({
  engine: z
    .enum(['embedded', 'vllm'])
    .default('embedded')
    .describe('embedded: the small server of this project. vllm: `vllm serve`, on Kubernetes alone. Part of the key.'),
  image: imageReference()
    .optional()
    .describe('Image of its container; the cluster’s `images.policyServer` when not set.'),
  tensorParallel: whole(1, 1024)
    .optional()
    .describe('GPUs that one copy of the model is spread over: all of the pod when not set. vLLM.'),
  contextTokens: tokens()
    .optional()
    .describe('Longest prompt and completion together, in tokens; the model’s when not set. vLLM.'),
  args: z
    .array(line(1000))
    .max(100)
    .default([])
    .describe('More arguments, for example ["--gpu-memory-utilization", "0.92"]. vLLM.'),
});
export type PolicyServerRun = z.infer<typeof PolicyServerFields>;

/** What serves the policy to a stage that samples it. */
export const PolicyServerRun = withRules(PolicyServerFields, [
  {
    path: ['args'],
    expected: `none of ${OURS.join(', ')}: orrery gives those itself (tensorParallel, contextTokens)`,
    holds: ({ args }) => !args.some((argument) => OURS.includes((argument.split('=')[0] ?? '').replaceAll('_', '-'))),
  },
]);
