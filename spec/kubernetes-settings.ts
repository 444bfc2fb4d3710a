import { z } from 'zod';
import { line, matching, whole, withRules } from './fields.ts';
import { KubernetesPlacement } from './kubernetes.ts';
import {
  containerPath,
  dnsLabel,
  dnsSubdomain,
  envName,
  extendedResource,
  few,
  imageReference,
  labelKey,
} from './kubernetes-names.ts';

/**
 * The file that `ORRERY_KUBERNETES` names: what a worker has to know of the cluster that its stages run on. It is of the cluster and not of
 * a campaign; docs/kubernetes.md has examples. All numbers without a source are *ours*.
 */
const seconds = (least: number, otherwise: number) => whole(least, 365 * 86_400).default(otherwise);
/** Folder within a volume. */
const subPath = () => matching(1024, /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$)).+$/, 'expected a relative path without ".."');

const VolumeMount = z.strictObject({
  claim: dnsLabel().describe('PersistentVolumeClaim in the namespace.'),
  mountPath: containerPath().describe('Where pods see it.'),
  subPath: subPath().optional().describe('Folder of the volume that is mounted; all of it when not set.'),
  readOnly: z.boolean().default(true).describe('Whether pods may only read it.'),
});

/** Of a user or group; 0 is root. */
const unixId = () => whole(1, 2 ** 31 - 1);

const Settings = z.strictObject({
  namespace: dnsLabel().default('orrery').describe('Namespace of all that orrery makes.'),
  context: line(253)
    .optional()
    .describe('Context of the kubeconfig; the current one when not set. In a pod: its service account.'),
  image: imageReference().describe('Image of all programs, pinned by digest where results are to be traced to it.'),
  images: z
    .strictObject({
      trainers: imageReference().optional().describe('Image of the Python trainers.'),
      policyServer: imageReference().optional().describe('Image of the embedded policy server.'),
      vllm: imageReference().optional().describe('Image with vLLM, for stages with `run.policyServer.engine: vllm`.'),
    })
    .prefault({}),
  pullPolicy: z.enum(['IfNotPresent', 'Always', 'Never']).default('IfNotPresent').describe('imagePullPolicy.'),
  pullSecrets: z.array(dnsSubdomain()).max(32).default([]).describe('Secrets that images are pulled with.'),
  programs: z
    .strictObject({
      root: containerPath()
        .default('/opt/orrery')
        .describe('Folder of this project in the image (or on a volume of it).'),
      node: line(1024).default('node').describe('Interpreter of the TypeScript programs, Node 24.'),
      python: line(1024).default('/opt/orrery/.venv/bin/python').describe('Interpreter of the Python programs.'),
    })
    .prefault({}),
  store: z
    .strictObject({
      claim: dnsLabel().describe('PersistentVolumeClaim, ReadWriteMany where more than one machine is used.'),
      mountPath: containerPath()
        .default('/store')
        .describe('Where pods see the store; the worker may see it elsewhere.'),
      subPath: subPath().optional().describe('Folder of the volume that is the store.'),
    })
    .describe('The store, see docs/architecture.md.'),
  volumes: z.array(VolumeMount).max(64).default([]).describe('Further claims: weights, data, programs.'),
  serviceAccount: dnsSubdomain().optional().describe('Of the pods; its token is not mounted. `default` when not set.'),
  user: z
    .strictObject({
      uid: unixId().default(1000),
      gid: unixId().default(1000),
      fsGroup: unixId()
        .optional()
        .describe('Group that owns what pods write, where the volume is of a kind that knows one.'),
    })
    .prefault({})
    .describe(
      'User and group that programs run as; never root. The worker and they have to be able to write the same store.',
    ),
  env: few(
    z.record(
      envName(),
      z
        .string()
        .max(32_768)
        .regex(/^[^\0]*$/, 'expected text without NUL'),
    ),
    256,
  )
    .default({})
    .describe('More environment of every container, for example NCCL_IB_HCA. Never a secret.'),
  secretEnv: z
    .array(
      z.strictObject({
        name: envName().describe('Variable, for example HF_TOKEN.'),
        secret: dnsSubdomain().describe('Secret in the namespace.'),
        key: matching(253, /^[-._a-zA-Z0-9]+$/, 'expected letters, digits, "-", "_", "."').describe('Key within it.'),
      }),
    )
    .max(256)
    .default([])
    .describe('Environment from Secrets. A Secret that is missing keeps pods from starting, and is told.'),
  gpu: z
    .strictObject({
      resource: extendedResource().default('nvidia.com/gpu').describe('Name of the GPU resource.'),
      memoryLabel: labelKey()
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

/** Folders that every container has from orrery. */
const TAKEN = ['/tmp', '/home/orrery', '/dev/shm'];

export const KubernetesSettings = withRules(Settings, [
  {
    path: ['volumes'],
    expected: `paths that differ from each other, from the store’s and from ${TAKEN.join(', ')}`,
    holds: ({ store, volumes }) => {
      const paths = [...TAKEN, store.mountPath, ...volumes.map(({ mountPath }) => mountPath)];
      return new Set(paths.map((path) => path.replace(/(?<=.)\/+$/, ''))).size === paths.length;
    },
  },
  {
    path: ['volumes'],
    expected: 'claims whose names differ in their first 57 characters: volumes are named by them',
    holds: ({ volumes }) => {
      const claims = [...new Set(volumes.map(({ claim }) => claim))];
      return new Set(claims.map((claim) => claim.slice(0, 57))).size === claims.length;
    },
  },
]);
export type KubernetesSettings = z.infer<typeof KubernetesSettings>;
export type KubernetesSettingsInput = z.input<typeof KubernetesSettings>;
