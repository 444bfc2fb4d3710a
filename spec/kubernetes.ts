import { z } from 'zod';
import { line, type Rule, tokens, whole, wholeSeconds, withRules } from './fields.ts';
import {
  dnsSubdomain,
  extendedResources,
  imageReference,
  labelKey,
  labelValue,
  nodeLabels,
} from './kubernetes-names.ts';

/**
 * Settings for Kubernetes beyond the resources of a stage. None of them changes a result. The settings file that
 * `ORRERY_KUBERNETES` names has defaults for the cluster (`defaults`), which a stage can override with
 * `run.kubernetes`.
 */

/** A toleration in the format of a pod spec. */
const TolerationFields = z.strictObject({
  key: labelKey().optional(),
  operator: z.enum(['Exists', 'Equal']).optional(),
  value: labelValue().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: wholeSeconds(0, 8760).optional(),
});
// The same rules as in the API server.
const TOLERATION_RULES: readonly Rule<z.output<typeof TolerationFields>>[] = [
  {
    path: ['operator'],
    expected: 'Exists for a toleration without a key, which tolerates every taint',
    holds: ({ key, operator }) => key !== undefined || operator === 'Exists',
  },
  {
    path: ['value'],
    expected: 'nothing with operator Exists, which matches any value',
    holds: ({ operator, value }) => operator !== 'Exists' || value === undefined || value === '',
  },
  {
    path: ['tolerationSeconds'],
    expected: 'nothing without effect NoExecute, because only that effect evicts pods',
    holds: ({ effect, tolerationSeconds }) => tolerationSeconds === undefined || effect === 'NoExecute',
  },
];
const Toleration = withRules(TolerationFields, TOLERATION_RULES).describe('A toleration in the format of a pod spec.');

export const KubernetesPlacement = z.strictObject({
  nodeSelector: nodeLabels()
    .optional()
    .describe('Labels that a node must have. Labels of a stage are added to the cluster’s defaults.'),
  tolerations: z
    .array(Toleration)
    .max(64)
    .optional()
    .describe('Taints that pods tolerate. Tolerations of a stage are added to the cluster’s defaults.'),
  priorityClass: dnsSubdomain().optional().describe('Name of a PriorityClass.'),
  queue: dnsSubdomain(63).optional().describe('Kueue LocalQueue of the Job. A cluster without Kueue ignores it.'),
  extendedResources: extendedResources()
    .optional()
    .describe('Devices of each pod other than GPUs, for example RDMA: { "rdma/hca_shared_devices_a": 1 }.'),
  shmGiB: z
    .number()
    .min(1 / 16)
    .max(65_536)
    .optional()
    .describe(
      'Size of /dev/shm in GiB, which counts as memory of the pod. When not set: 8 for pods with GPUs, 1 for others.',
    ),
  topology: z
    .strictObject({
      key: labelKey().describe(
        'Label that must have the same value on all nodes of a gang: a rack, an NVLink domain, a zone.',
      ),
      mode: z
        .enum(['preferred', 'required'])
        .default('preferred')
        .describe('preferred: the gang may also run on nodes with different values. required: it may not.'),
    })
    .optional()
    .describe('Places the pods of a gang close to each other.'),
  deadlineSeconds: wholeSeconds(1, 8760)
    .optional()
    .describe('Maximum time of one execution. The next execution resumes from the saved work.'),
});
export type KubernetesPlacement = z.infer<typeof KubernetesPlacement>;

/** Arguments of `vllm serve` that orrery sets from the settings of the stage. */
const RESERVED_ARGS = [
  '--host',
  '--port',
  '--served-model-name',
  '--model',
  '--tensor-parallel-size',
  '-tp',
  '--max-model-len',
];

const PolicyServerFields = z.strictObject({
  engine: z
    .enum(['embedded', 'vllm'])
    .default('embedded')
    .describe(
      'embedded: the small server of this project. vllm: `vllm serve`, only on Kubernetes. The engine is part of the key.',
    ),
  image: imageReference()
    .optional()
    .describe('Image of the policy server; `images.policyServer` of the cluster when not set.'),
  tensorParallel: whole(1, 1024)
    .optional()
    .describe('Number of GPUs for one copy of the model; all GPUs of the pod when not set. Only for vLLM.'),
  contextTokens: tokens()
    .optional()
    .describe(
      'Maximum length of a prompt and its completion, in tokens; the context of the model when not set. Only for vLLM.',
    ),
  args: z
    .array(line(1000))
    .max(100)
    .default([])
    .describe('Additional arguments, for example ["--gpu-memory-utilization", "0.92"]. Only for vLLM.'),
});
export type PolicyServerRun = z.infer<typeof PolicyServerFields>;

/** The policy server of a stage that samples the policy. */
export const PolicyServerRun = withRules(PolicyServerFields, [
  {
    path: ['args'],
    expected: `none of ${RESERVED_ARGS.join(', ')}: orrery sets those itself (tensorParallel, contextTokens)`,
    holds: ({ args }) =>
      !args.some((argument) => RESERVED_ARGS.includes((argument.split('=')[0] ?? '').replaceAll('_', '-'))),
  },
]);
