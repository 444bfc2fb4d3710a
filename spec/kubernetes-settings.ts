import { z } from 'zod';
import { KubernetesPlacement } from './kubernetes.ts';

/**
 * The file that `ORRERY_KUBERNETES` names: what a worker has to know of the cluster that its stages run on. It is of the cluster and not of
 * a campaign; docs/kubernetes.md has examples. All numbers without a source are *ours*.
 */
const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'expected lower-case letters, digits and "-"')
  .max(63);
const absolute = z.string().regex(/^\/[^:]*$/, 'expected an absolute path');
const seconds = (least: number, otherwise: number) => z.int().min(least).default(otherwise);

const VolumeMount = z.strictObject({
  claim: dnsLabel.describe('PersistentVolumeClaim in the namespace.'),
  mountPath: absolute.describe('Where pods see it.'),
  subPath: z.string().min(1).optional().describe('Folder of the volume that is mounted; all of it when not set.'),
  readOnly: z.boolean().default(true).describe('Whether pods may only read it.'),
});

export const KubernetesSettings = z.strictObject({
  namespace: dnsLabel.default('orrery').describe('Namespace of all that orrery makes.'),
  context: z
    .string()
    .min(1)
    .optional()
    .describe('Context of the kubeconfig; the current one when not set. In a pod: its service account.'),
  image: z.string().min(1).describe('Image of all programs, pinned by digest where results are to be traced to it.'),
  images: z
    .strictObject({
      trainers: z.string().min(1).optional().describe('Image of the Python trainers.'),
      policyServer: z.string().min(1).optional().describe('Image of the embedded policy server.'),
      vllm: z.string().min(1).optional().describe('Image with vLLM, for stages with `run.policyServer.engine: vllm`.'),
    })
    .prefault({}),
  pullPolicy: z.enum(['IfNotPresent', 'Always', 'Never']).default('IfNotPresent').describe('imagePullPolicy.'),
  pullSecrets: z.array(dnsLabel).default([]).describe('Secrets that images are pulled with.'),
  programs: z
    .strictObject({
      root: absolute.default('/opt/orrery').describe('Folder of this project in the image (or on a volume of it).'),
      node: z.string().min(1).default('node').describe('Interpreter of the TypeScript programs, Node 24.'),
      python: z.string().min(1).default('/opt/orrery/.venv/bin/python').describe('Interpreter of the Python programs.'),
    })
    .prefault({}),
  store: z
    .strictObject({
      claim: dnsLabel.describe('PersistentVolumeClaim, ReadWriteMany where more than one machine is used.'),
      mountPath: absolute.default('/store').describe('Where pods see the store; the worker may see it elsewhere.'),
      subPath: z.string().min(1).optional().describe('Folder of the volume that is the store.'),
    })
    .describe('The store, see docs/architecture.md.'),
  volumes: z.array(VolumeMount).default([]).describe('Further claims: weights, data, programs.'),
  serviceAccount: dnsLabel.optional().describe('Of the pods; its token is not mounted. `default` when not set.'),
  user: z
    .strictObject({
      uid: z.int().min(1).default(1000),
      gid: z.int().min(1).default(1000),
      fsGroup: z
        .int()
        .min(1)
        .optional()
        .describe('Group that owns what pods write, where the volume is of a kind that knows one.'),
    })
    .prefault({})
    .describe(
      'User and group that programs run as; never root. The worker and they have to be able to write the same store.',
    ),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .default({})
    .describe('More environment of every container, for example NCCL_IB_HCA. Never a secret.'),
  secretEnv: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
          .describe('Variable, for example HF_TOKEN.'),
        secret: dnsLabel.describe('Secret in the namespace.'),
        key: z.string().min(1).describe('Key within it.'),
      }),
    )
    .default([])
    .describe('Environment from Secrets. A Secret that is missing keeps pods from starting, and is told.'),
  gpu: z
    .strictObject({
      resource: z.string().min(1).default('nvidia.com/gpu').describe('Name of the GPU resource.'),
      memoryLabel: z
        .string()
        .min(1)
        .default('nvidia.com/gpu.memory')
        .describe('Label with the memory of a machine’s GPUs in MiB, as GPU feature discovery sets it.'),
    })
    .prefault({}),
  defaults: KubernetesPlacement.prefault({}).describe('Where a stage says nothing else as run.kubernetes.'),
  gangScheduling: z
    .enum(['none', 'pod-group'])
    .default('none')
    .describe(
      'pod-group: the scheduler places a gang as a whole (PodGroup of scheduling.k8s.io/v1alpha2), where the cluster serves it.',
    ),
  checkRoom: z
    .boolean()
    .default(true)
    .describe(
      'Whether nodes are looked at before each stage, as far as the worker may list them: what no node can ever hold is not submitted. Off where nodes are added as pods wait for them (an autoscaler).',
    ),
  limits: z
    .strictObject({
      pendingSeconds: seconds(10, 1800).describe(
        'A Job of which nothing could start for so long is given up as Unschedulable, and tried again later.',
      ),
      imageGraceSeconds: seconds(5, 120).describe(
        'An image or a setting that cannot be had for so long ends the stage.',
      ),
      policyStartSeconds: seconds(10, 1800).describe('Time for a policy server to load its model.'),
      nodeLostSeconds: seconds(5, 60).describe('A machine that does not answer for so long has lost its pods.'),
      keepFinishedSeconds: seconds(600, 86_400).describe('How long an ended Job and its pods stay to be looked at.'),
    })
    .prefault({}),
});
export type KubernetesSettings = z.infer<typeof KubernetesSettings>;
export type KubernetesSettingsInput = z.input<typeof KubernetesSettings>;
