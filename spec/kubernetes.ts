import { z } from 'zod';

/**
 * What Kubernetes is told beyond the resources of a stage. None of it changes a result. A cluster has defaults for it (`defaults` of the
 * settings file that `ORRERY_KUBERNETES` names), and a stage may set its own as `run.kubernetes`.
 */
const label = z.record(z.string().min(1), z.string());

/** As in a pod: what it bears although a machine says that it wants no pods. */
const Toleration = z
  .strictObject({
    key: z.string().optional(),
    operator: z.enum(['Exists', 'Equal']).optional(),
    value: z.string().optional(),
    effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
    tolerationSeconds: z.int().min(0).optional(),
  })
  .describe('A toleration as in a pod.');

export const KubernetesPlacement = z.strictObject({
  nodeSelector: label
    .optional()
    .describe('Labels that a machine must have. Those of a stage are added to the cluster’s.'),
  tolerations: z
    .array(Toleration)
    .optional()
    .describe('Taints that pods bear. Those of a stage are added to the cluster’s.'),
  priorityClass: z.string().min(1).optional().describe('Name of a PriorityClass.'),
  queue: z
    .string()
    .min(1)
    .optional()
    .describe('Kueue LocalQueue in which the Job waits; a cluster without Kueue ignores it.'),
  extendedResources: z
    .record(z.string().regex(/\//, 'expected the name of a device, such as rdma/hca_shared_devices_a'), z.int().min(1))
    .optional()
    .describe('Devices of each pod beside its GPUs: RDMA, for example { "rdma/hca_shared_devices_a": 1 }.'),
  shmGiB: z
    .number()
    .positive()
    .optional()
    .describe('Size of /dev/shm in GiB. It counts as memory of the pod. 8 for pods with GPUs, else 1.'),
  topology: z
    .strictObject({
      key: z
        .string()
        .min(1)
        .describe('Label whose value the machines of a gang share: a rack, an NVLink domain, a zone.'),
      mode: z.enum(['preferred', 'required']).default('preferred').describe('Whether the gang may run without.'),
    })
    .optional()
    .describe('Keeps the pods of a gang close to each other.'),
  deadlineSeconds: z
    .int()
    .min(1)
    .optional()
    .describe('Longest time of one execution; what it has saved by then is gone on from.'),
});
export type KubernetesPlacement = z.infer<typeof KubernetesPlacement>;

/** What serves the policy to a stage that samples it. */
export const PolicyServerRun = z.strictObject({
  engine: z
    .enum(['embedded', 'vllm'])
    .default('embedded')
    .describe('embedded: the small server of this project. vllm: `vllm serve`, on Kubernetes alone. Part of the key.'),
  image: z
    .string()
    .min(1)
    .optional()
    .describe('Image of its container; the cluster’s `images.policyServer` when not set.'),
  tensorParallel: z
    .int()
    .min(1)
    .optional()
    .describe('GPUs that one copy of the model is spread over: all of the pod when not set. vLLM.'),
  contextTokens: z
    .int()
    .min(1)
    .optional()
    .describe('Longest prompt and completion together, in tokens; the model’s when not set. vLLM.'),
  args: z
    .array(z.string())
    .default([])
    .describe('More arguments, for example ["--gpu-memory-utilization", "0.92"]. vLLM.'),
});
export type PolicyServerRun = z.infer<typeof PolicyServerRun>;
