import { z } from 'zod';
import { line, matching, whole, withRules } from './fields.ts';
import { KubernetesPlacement } from './kubernetes.ts';
import {
  containerPath,
  dnsLabel,
  dnsSubdomain,
  envName,
  extendedResource,
  imageReference,
  labelKey,
  withMaxEntries,
} from './kubernetes-names.ts';

/**
 * The settings file that `ORRERY_KUBERNETES` names. It describes the cluster that stages run on, for all campaigns of a
 * worker. docs/kubernetes.md has examples. All numbers without a source are *ours*.
 */
const seconds = (least: number, otherwise: number) => whole(least, 365 * 86_400).default(otherwise);
/** Folder within a volume. */
const subPath = () => matching(1024, /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$)).+$/, 'expected a relative path without ".."');

const VolumeMount = z.strictObject({
  claim: dnsLabel().describe('PersistentVolumeClaim in the namespace.'),
  mountPath: containerPath().describe('Mount path in the pods.'),
  subPath: subPath().optional().describe('Folder of the volume to mount; the whole volume when not set.'),
  readOnly: z.boolean().default(true).describe('Whether pods may only read it.'),
});

/** Id of a user or group. 0 would be root, which is not allowed. */
const unixId = () => whole(1, 2 ** 31 - 1);

const Settings = z.strictObject({
  namespace: dnsLabel().default('orrery').describe('Namespace of all objects that orrery creates.'),
  context: line(253)
    .optional()
    .describe(
      'Context of the kubeconfig; the current context when not set. A worker in a pod uses its service account instead.',
    ),
  image: imageReference().describe('Image of all programs. Pin it by digest to trace results back to it.'),
  images: z
    .strictObject({
      trainers: imageReference().optional().describe('Image of the Python trainers.'),
      policyServer: imageReference().optional().describe('Image of the embedded policy server.'),
      vllm: imageReference().optional().describe('Image with vLLM, for stages with `run.policyServer.engine: vllm`.'),
    })
    .prefault({}),
  pullPolicy: z.enum(['IfNotPresent', 'Always', 'Never']).default('IfNotPresent').describe('imagePullPolicy.'),
  pullSecrets: z.array(dnsSubdomain()).max(32).default([]).describe('Secrets for pulling images.'),
  programs: z
    .strictObject({
      root: containerPath()
        .default('/opt/orrery')
        .describe('Folder of this project in the image, or on a mounted volume.'),
      node: line(1024).default('node').describe('Interpreter of the TypeScript programs, Node 24.'),
      python: line(1024).default('/opt/orrery/.venv/bin/python').describe('Interpreter of the Python programs.'),
    })
    .prefault({}),
  store: z
    .strictObject({
      claim: dnsLabel().describe('PersistentVolumeClaim; ReadWriteMany when stages run on more than one node.'),
      mountPath: containerPath()
        .default('/store')
        .describe('Mount path of the store in the pods. It may differ from the path on the worker.'),
      subPath: subPath().optional().describe('Folder of the volume that is the store.'),
    })
    .describe('The store, see docs/architecture.md.'),
  volumes: z
    .array(VolumeMount)
    .max(64)
    .default([])
    .describe('Further volumes, for example with weights, data or programs.'),
  serviceAccount: dnsSubdomain()
    .optional()
    .describe('Service account of the pods; `default` when not set. Its token is not mounted.'),
  user: z
    .strictObject({
      uid: unixId().default(1000),
      gid: unixId().default(1000),
      fsGroup: unixId()
        .optional()
        .describe('Group that owns the files which pods write, for volume types that support fsGroup.'),
    })
    .prefault({})
    .describe(
      'User and group of the programs; never root. The worker and the programs must be able to write to the same store.',
    ),
  env: withMaxEntries(
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
    .describe('Additional environment of every container, for example NCCL_IB_HCA. Not for secrets.'),
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
    .describe('Environment from Secrets. A missing Secret prevents pods from starting, and is reported.'),
  gpu: z
    .strictObject({
      resource: extendedResource().default('nvidia.com/gpu').describe('Name of the GPU resource.'),
      memoryLabel: labelKey()
        .default('nvidia.com/gpu.memory')
        .describe('Node label with the memory of a GPU in MiB, as set by GPU feature discovery.'),
    })
    .prefault({}),
  defaults: KubernetesPlacement.prefault({}).describe('Defaults for run.kubernetes of every stage.'),
  gangScheduling: z
    .enum(['none', 'pod-group'])
    .default('none')
    .describe(
      'pod-group: the scheduler places a gang as a whole (PodGroup of scheduling.k8s.io/v1alpha2), if the cluster supports it.',
    ),
  checkRoom: z
    .boolean()
    .default(true)
    .describe(
      'Whether to check the capacity of the nodes before each stage, if the worker may list nodes. A stage that fits on no node is not submitted. Switch it off when an autoscaler adds nodes for waiting pods.',
    ),
  keepLogs: z
    .enum(['failures', 'all'])
    .default('failures')
    .describe(
      'Which executions leave their logs in the store. The logs of failed and stopped ones are always kept. Those of successful ones are in the cluster as long as their pods; all: they are copied too, which costs a request for each container.',
    ),
  limits: z
    .strictObject({
      pendingSeconds: seconds(10, 1800).describe(
        'Time after which a Job without any started pod fails as Unschedulable. It is tried again later.',
      ),
      imageGraceSeconds: seconds(5, 120).describe(
        'Time after which a missing image or a missing setting ends the stage.',
      ),
      policyStartSeconds: seconds(10, 1800).describe('Maximum time for a policy server to load its model.'),
      nodeLostSeconds: seconds(5, 60).describe('Time after which the pods of an unreachable node count as lost.'),
      keepFinishedSeconds: seconds(600, 86_400).describe('How long an ended Job and its pods are kept for inspection.'),
    })
    .prefault({}),
});

/** Folders that orrery mounts in every container. */
const RESERVED_PATHS = ['/tmp', '/home/orrery', '/dev/shm'];

export const KubernetesSettings = withRules(Settings, [
  {
    path: ['volumes'],
    expected: `mount paths that differ from each other, from the path of the store and from ${RESERVED_PATHS.join(', ')}`,
    holds: ({ store, volumes }) => {
      const paths = [...RESERVED_PATHS, store.mountPath, ...volumes.map(({ mountPath }) => mountPath)];
      return new Set(paths.map((path) => path.replace(/(?<=.)\/+$/, ''))).size === paths.length;
    },
  },
  {
    path: ['volumes'],
    expected: 'claims whose names differ in their first 57 characters, because volumes are named after them',
    holds: ({ volumes }) => {
      const claims = [...new Set(volumes.map(({ claim }) => claim))];
      return new Set(claims.map((claim) => claim.slice(0, 57))).size === claims.length;
    },
  },
]);
export type KubernetesSettings = z.infer<typeof KubernetesSettings>;
export type KubernetesSettingsInput = z.input<typeof KubernetesSettings>;
