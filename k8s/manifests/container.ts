import type {
  V1Container,
  V1EnvVar,
  V1ResourceRequirements,
  V1SecurityContext,
  V1VolumeMount,
} from '@kubernetes/client-node';
import type { JobRequest, Program } from '../../executor/index.ts';
import { type KubernetesSettings, POD_ENV } from '../../spec/index.ts';
import { stageDir, stageFilePath } from '../../store/layout.ts';
import { ANNOTATIONS, MAIN, POLICY_PORT } from './labels.ts';

/**
 * Folders that programs may write. Each is a volume that is removed with the pod. The root file system is read-only.
 */
export const SCRATCH = { tmp: '/tmp', home: '/home/orrery' } as const;

/** Pods satisfy Pod Security `restricted`. */
const CONTAINER_SECURITY: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
};

/** Settings that all containers share. */
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
    // The pod's status then has the last lines of its log, even if the pod is removed before its log is read.
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

/** The part of the pod contract (docs/architecture.md) that both containers have. */
function commonEnvironment(request: JobRequest, settings: KubernetesSettings): V1EnvVar[] {
  const { programs, store } = settings;
  const threads = String(Math.max(1, Math.floor(request.resources.cpus)));
  return [
    ...named({
      [POD_ENV.stageFile]: stageFilePath(stageDir(store.mountPath, request.key)),
      [POD_ENV.store]: store.mountPath,
      [POD_ENV.attempt]: String(request.attempt),
    }),
    // The Job controller sets this variable for containers, but not for init containers.
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
      // A stage without GPUs gives the same numbers on a machine that has some.
      ...(request.resources.gpus === 0 ? { CUDA_VISIBLE_DEVICES: '' } : {}),
      ...settings.env,
    }),
    ...settings.secretEnv.map(({ name, secret, key }) => ({
      name,
      valueFrom: { secretKeyRef: { name: secret, key } },
    })),
  ];
}

/** Environment in the form of a container spec. */
export const named = (env: Readonly<Record<string, string>>): V1EnvVar[] =>
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

/**
 * Further mounts of the store's claim share its volume. Each other mount has a volume, whose name orrery does not use
 * otherwise.
 */
export const volumeName = (claim: string, storeClaim: string): string =>
  claim === storeClaim ? 'store' : `claim-${claim}`.slice(0, 63).replace(/-+$/, '');
