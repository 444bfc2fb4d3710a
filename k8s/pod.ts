import type {
  V1Container,
  V1EnvVar,
  V1PodSpec,
  V1ResourceRequirements,
  V1SecurityContext,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node';
import { type JobRequest, type KubernetesSettings, POD_ENV, type Program } from '../spec/index.ts';
import { stageDir, stageFilePath } from '../store/layout.ts';
import { ANNOTATIONS, MAIN, MASTER_PORT, POLICY_PORT } from './labels.ts';
import { affinityOf, placementOf, tolerationsOf } from './placement.ts';
import { policyServerContainer } from './policy-server.ts';
import { mainResources } from './resources.ts';

/** Folders that programs may write, each a volume that goes with the pod; the root file system is read-only. */
const SCRATCH = { tmp: '/tmp', home: '/home/orrery' } as const;

/** Pods satisfy Pod Security `restricted`. */
const CONTAINER_SECURITY: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
};

/** The pods of a job. Pure. */
export function podSpec(request: JobRequest, settings: KubernetesSettings): V1PodSpec {
  const placement = placementOf(settings, request);
  const affinity = affinityOf(request, settings);
  const { uid, gid, fsGroup } = settings.user;
  const main = container(MAIN, request.main, request, settings, {
    env: [...mainEnvironment(request, settings), ...named(request.env)],
    resources: mainResources(request, settings),
  });
  return {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: request.graceSeconds,
    ...(request.gang ? { subdomain: request.name } : {}),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    // Programs are not process 1 of their container: to that one signals that it has no handler for yet would be nothing.
    shareProcessNamespace: true,
    ...(settings.serviceAccount === undefined ? {} : { serviceAccountName: settings.serviceAccount }),
    ...(settings.pullSecrets.length === 0
      ? {}
      : { imagePullSecrets: settings.pullSecrets.map((name) => ({ name })) }),
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: uid, runAsGroup: gid, seccompProfile: { type: 'RuntimeDefault' } },
      // What is there already is not visited file by file at every start.
      ...(fsGroup === undefined ? {} : { fsGroup, fsGroupChangePolicy: 'OnRootMismatch' }),
    },
    ...(placement.priorityClass === undefined ? {} : { priorityClassName: placement.priorityClass }),
    ...(Object.keys(placement.nodeSelector ?? {}).length === 0 ? {} : { nodeSelector: placement.nodeSelector }),
    tolerations: tolerationsOf(placement, settings.limits.nodeLostSeconds),
    ...(affinity === undefined ? {} : { affinity }),
    ...(request.policyServer === null
      ? {}
      : { initContainers: [policyServerContainer(request.policyServer, request, settings)] }),
    containers: [main],
    volumes: volumes(request, settings),
  };
}

/** What all containers have in common. */
export function container(
  name: string,
  program: Program,
  request: JobRequest,
  settings: KubernetesSettings,
  { env, resources }: { env: V1EnvVar[]; resources: V1ResourceRequirements },
): V1Container {
  return {
    name,
    image: imageOf(name, program, request, settings),
    imagePullPolicy: settings.pullPolicy,
    command: commandOf(program, settings),
    workingDir: settings.programs.root,
    env: [...commonEnvironment(request, settings), ...env],
    resources,
    securityContext: CONTAINER_SECURITY,
    // The end of what it printed is told with its end: known even where the pod is gone before its log is read.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: mounts(settings),
  };
}

function imageOf(name: string, program: Program, request: JobRequest, { image, images }: KubernetesSettings): string {
  if (program.image !== undefined) return program.image;
  if (program.runtime === 'vllm') return images.vllm ?? image;
  if (name !== MAIN) return images.policyServer ?? image;
  return (request.main.runtime === 'python' ? images.trainers : undefined) ?? image;
}

function commandOf(program: Program, { programs, store }: KubernetesSettings): string[] {
  switch (program.runtime) {
    case 'node':
      return [programs.node, ...program.args];
    case 'python':
      return [programs.python, ...program.args];
    case 'vllm': {
      const { model = '', args } = program;
      const folder = model.startsWith('/') ? model : `${store.mountPath}/${model}`;
      return ['vllm', 'serve', folder, '--host', '0.0.0.0', '--port', String(POLICY_PORT), ...args];
    }
  }
}

/** The pod contract (docs/architecture.md), as far as both containers have it. */
function commonEnvironment(request: JobRequest, settings: KubernetesSettings): V1EnvVar[] {
  const { programs, store } = settings;
  const threads = String(Math.max(1, Math.floor(request.resources.cpus)));
  return [
    ...named({
      [POD_ENV.stageFile]: stageFilePath(stageDir(store.mountPath, request.key)),
      [POD_ENV.store]: store.mountPath,
      [POD_ENV.attempt]: String(request.attempt),
    }),
    // The Job controller sets it for containers, but not for what stands before them.
    { name: POD_ENV.shard, valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${ANNOTATIONS.index}']` } } },
    ...named({
      [POD_ENV.python]: programs.python,
      PYTHONPATH: `${programs.root}/trainers`,
      PYTHONUNBUFFERED: '1',
      OMP_NUM_THREADS: threads,
      HOME: SCRATCH.home,
      XDG_CACHE_HOME: `${SCRATCH.home}/.cache`,
      HF_HOME: `${SCRATCH.home}/.cache/huggingface`,
      TRITON_CACHE_DIR: `${SCRATCH.home}/.cache/triton`,
      NODE_COMPILE_CACHE: `${SCRATCH.tmp}/node-cache`,
      // A stage that asked for no GPU gives the same numbers on a machine that has some.
      ...(request.resources.gpus === 0 ? { CUDA_VISIBLE_DEVICES: '' } : {}),
      ...settings.env,
    }),
    ...settings.secretEnv.map(({ name, secret, key }) => ({
      name,
      valueFrom: { secretKeyRef: { name: secret, key } },
    })),
  ];
}

function mainEnvironment(request: JobRequest, settings: KubernetesSettings): V1EnvVar[] {
  return [
    ...(request.policyServer === null ? [] : named({ [POD_ENV.policyUrl]: `http://127.0.0.1:${POLICY_PORT}` })),
    ...(request.gang ? gangEnvironment(request) : []),
    ...(request.gang && settings.env.NCCL_ASYNC_ERROR_HANDLING === undefined ? [] : []),
  ];
}

/** As `torch.distributed` reads it. A gang of one has no local rank: libraries would set up communication with nobody. */
function gangEnvironment({ name, parts }: JobRequest): V1EnvVar[] {
  return [
    { name: 'RANK', valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${ANNOTATIONS.index}']` } } },
    ...named({ WORLD_SIZE: String(parts), MASTER_ADDR: `${name}-0.${name}`, MASTER_PORT: String(MASTER_PORT) }),
    ...(parts > 1 ? named({ LOCAL_RANK: '0', LOCAL_WORLD_SIZE: '1' }) : []),
  ];
}

const named = (env: Readonly<Record<string, string>>): V1EnvVar[] =>
  Object.entries(env).map(([name, value]) => ({ name, value }));

function mounts({ store, volumes }: KubernetesSettings): V1VolumeMount[] {
  return [
    { name: 'store', mountPath: store.mountPath, ...(store.subPath === undefined ? {} : { subPath: store.subPath }) },
    ...volumes.map(({ claim, mountPath, subPath, readOnly }) => ({
      name: volumeName(claim, store.claim),
      mountPath,
      ...(subPath === undefined ? {} : { subPath }),
      ...(readOnly ? { readOnly } : {}),
    })),
    ...Object.entries(SCRATCH).map(([name, mountPath]) => ({ name, mountPath })),
    { name: 'shm', mountPath: '/dev/shm' },
  ];
}

function volumes(request: JobRequest, settings: KubernetesSettings): V1Volume[] {
  const { store } = settings;
  const others = [...new Set(settings.volumes.map(({ claim }) => claim))].filter((claim) => claim !== store.claim);
  const shmGiB = placementOf(settings, request).shmGiB ?? (request.resources.gpus > 0 ? 8 : 1);
  return [
    { name: 'store', persistentVolumeClaim: { claimName: store.claim } },
    ...others.map((claim) => ({ name: volumeName(claim, store.claim), persistentVolumeClaim: { claimName: claim } })),
    ...Object.keys(SCRATCH).map((name) => ({ name, emptyDir: {} })),
    { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: `${Math.round(shmGiB * 1024)}Mi` } },
  ];
}

/** Further mounts of the store's claim share its volume; others have one each, by a name that none of ours has. */
const volumeName = (claim: string, storeClaim: string): string =>
  claim === storeClaim ? 'store' : `claim-${claim}`.slice(0, 63).replace(/-+$/, '');
