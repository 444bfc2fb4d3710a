import { setTimeout as sleep } from 'node:timers/promises';
import { BatchV1Api, CoreV1Api, type KubernetesObject, type V1Pod } from '@kubernetes/client-node';
import { eventually } from './job-story.ts';
import { MACHINE_RECORDINGS } from './machine-recordings.ts';
import { killMain } from './pod-processes.ts';
import { SECURITY } from './recorded-job.ts';
import {
  apply,
  BROKEN,
  conditioned,
  create,
  createThen,
  DEAF,
  eventSeen,
  failed,
  jobOf,
  MERGE,
  podsOf,
  type Recording,
  running,
  SLEEP,
  type Stage,
  unschedulable,
  waitingFor,
} from './recording-stage.ts';
import { refusingWebhook } from './webhook.ts';

/** The program says something on stderr and ends. */
const exits = (code: number, words: string): Recording => ({
  how: `the program printed its last words on stderr and ended with ${code}`,
  act: async (stage) => {
    await create(stage, { script: `echo "${words}" >&2; exit ${code}` });
    await failed(stage);
  },
});

const deletePod = async (stage: Stage, grace: { gracePeriodSeconds?: number }) => {
  const name = podsOf(stage)[0]?.metadata?.name ?? '';
  await stage.admin.makeApiClient(CoreV1Api).deleteNamespacedPod({ name, namespace: stage.name, ...grace });
};

/** Somebody deletes the pod while its program runs. */
const podDeleted = (how: string, script: string, grace: { gracePeriodSeconds?: number } = {}): Recording => ({
  how: `somebody deleted the pod ${how}`,
  act: async (stage) => {
    await create(stage, { script });
    await running(stage);
    await deletePod(stage, grace);
    await failed(stage);
  },
});

/** By name of the file in tests/k8s/recorded/. */
export const RECORDINGS: Readonly<Record<string, Recording>> = {
  ...MACHINE_RECORDINGS,
  running: {
    how: 'two pods that sleep',
    act: createThen({ parts: 2, script: SLEEP }, (stage) => running(stage, 2)),
  },
  completed: {
    how: 'two pods that end with 0',
    act: createThen({ parts: 2 }, (stage) => conditioned(stage, 'Complete')),
  },
  'completed-gang': {
    how: 'two ranks of a gang; rank 0 ends with 0 while rank 1 still works: the success policy ends the Job, and rank 1 is asked to stop',
    act: async (stage) => {
      await create(stage, {
        parts: 2,
        gang: true,
        script: `test $JOB_COMPLETION_INDEX = 0 && { sleep 2; exit 0; }; ${SLEEP}`,
      });
      await conditioned(stage, 'Complete');
    },
  },
  'exit-1': exits(1, 'Traceback: it went wrong'),
  'exit-65': exits(65, 'stage.json: config.epochs: expected a number, but got nothing'),
  'exit-69': exits(69, 'the policy server does not answer'),
  'exit-70': exits(70, 'the loss is NaN at optimizer step 12'),
  'exit-71': exits(71, 'CUDA out of memory'),
  'exit-72': exits(72, 'NCCL error: unhandled system error'),
  'exit-75': exits(75, 'a later attempt has claimed the stage'),
  'exit-143': exits(143, 'saved, and ended on SIGTERM'),
  'killed-137': {
    how: 'somebody on the node sent SIGKILL to the program: 137, and no OOMKilled',
    act: async (stage) => {
      await create(stage, { script: SLEEP });
      await running(stage);
      await killMain(podsOf(stage)[0] as V1Pod);
      await failed(stage);
    },
  },
  'one-shard-failed': {
    how: 'of three shards one ended with 70 while the others worked: they are asked to stop',
    act: async (stage) => {
      await create(stage, {
        parts: 3,
        script: `test $JOB_COMPLETION_INDEX = 1 && { sleep 3; echo "loss is NaN" >&2; exit 70; }; ${SLEEP}`,
      });
      await failed(stage);
    },
  },
  'oom-killed': {
    how: 'the program took more memory than the limit of its container',
    act: async (stage) => {
      const resources = { requests: { cpu: '20m', memory: '16Mi' }, limits: { memory: '48Mi' } };
      await create(stage, { script: 'exec dd if=/dev/zero of=/dev/null bs=400M count=4', container: { resources } });
      await failed(stage);
    },
  },
  'evicted-own-disk': {
    how: 'the pod wrote more than the size limit of its own volume',
    act: async (stage) => {
      await create(stage, {
        script: `dd if=/dev/zero of=/scratch/x bs=1M count=40; ${SLEEP}`,
        container: { volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] },
        pod: { volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '8Mi' } }] },
      });
      await failed(stage);
    },
  },
  'pod-deleted': podDeleted('with `kubectl delete pod`, and the program saved', SLEEP),
  'pod-deleted-deaf': podDeleted('with `kubectl delete pod`, and the program did not listen to SIGTERM: 137', DEAF),
  'pod-deleted-broken': podDeleted('with `kubectl delete pod`, and the program broke on SIGTERM: 1', BROKEN),
  'pod-deleted-force': podDeleted('with `kubectl delete pod --force`: without a grace', DEAF, {
    gracePeriodSeconds: 0,
  }),
  'image-missing': {
    how: 'an image that no registry has; recorded once the kubelet waits before it tries again',
    act: createThen({ image: 'orrery.local/nowhere:1' }, (stage) => waitingFor(stage, /ImagePullBackOff/)),
  },
  'image-never': {
    how: 'an image that is not on the node, with imagePullPolicy Never',
    act: async (stage) => {
      await create(stage, { image: 'orrery.local/nowhere:1', container: { imagePullPolicy: 'Never' } });
      await waitingFor(stage, /ErrImageNeverPull/);
    },
  },
  'secret-missing': {
    how: 'an environment variable from a Secret that does not exist',
    act: async (stage) => {
      const env = [{ name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hugging-face', key: 'token' } } }];
      await create(stage, { container: { env } });
      await waitingFor(stage, /CreateContainerConfigError/);
    },
  },
  'command-missing': {
    how: 'a command that the image does not have',
    act: createThen({ container: { command: ['/opt/none/python'] } }, (stage) => failed(stage)),
  },
  'claim-missing': {
    how: 'a claim that does not exist',
    act: async (stage) => {
      const pod = { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'no-such-claim' } }] };
      await create(stage, { pod });
      await unschedulable(stage);
    },
  },
  'unschedulable-gpus': {
    how: 'sixteen GPUs, where the only node has eight',
    act: createThen({ gpus: 16 }, (stage) => unschedulable(stage)),
  },
  'unschedulable-selector': {
    how: 'a label that no node has',
    act: async (stage) => {
      await create(stage, { pod: { nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-B200' } } });
      await unschedulable(stage);
    },
  },
  'quota-refused': {
    how: 'a ResourceQuota of four GPUs, and a pod that wants eight',
    act: async (stage) => {
      const metadata = { name: 'gpus' };
      await apply(stage, {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata,
        spec: { hard: { 'requests.nvidia.com/gpu': '4' } },
      } as KubernetesObject);
      await create(stage, { gpus: 8 });
      await eventSeen(stage, 'FailedCreate');
    },
  },
  'pod-security-refused': {
    how: 'a pod that may run as root, in a namespace where Pod Security is `restricted`',
    act: async (stage) => {
      await create(stage, { container: { securityContext: { ...SECURITY, allowPrivilegeEscalation: true } } });
      await eventSeen(stage, 'FailedCreate');
    },
  },
  'webhook-refused': {
    how: 'a validating webhook that lets no pod into the namespace',
    act: async (stage) => {
      await using webhook = await refusingWebhook(stage, 'team vision has used up its GPU hours');
      await create(stage, {});
      await eventSeen(stage, 'FailedCreate');
      await webhook.asked();
    },
  },
  deadline: {
    how: 'activeDeadlineSeconds of 2',
    act: createThen({ script: SLEEP, job: { activeDeadlineSeconds: 2 } }, (stage) => failed(stage)),
  },
  'suspended-by-others': {
    how: 'somebody set spec.suspend while the pod ran',
    act: async (stage) => {
      await create(stage, { script: SLEEP });
      await running(stage);
      await stage.admin
        .makeApiClient(BatchV1Api)
        .patchNamespacedJob({ name: stage.job, namespace: stage.name, body: { spec: { suspend: true } } }, MERGE);
      await conditioned(stage, 'Suspended');
      await eventually(
        'the pod is gone',
        () => jobOf(stage)?.status?.active === undefined && (jobOf(stage)?.status?.terminating ?? 0) === 0,
      );
    },
  },
  'deleted-by-others': {
    how: 'somebody deleted the Job while its pod ran',
    act: async (stage) => {
      await create(stage, { script: SLEEP });
      await running(stage);
      await stage.admin
        .makeApiClient(BatchV1Api)
        .deleteNamespacedJob({ name: stage.job, namespace: stage.name, propagationPolicy: 'Background' });
      await sleep(1000);
      await eventually('the pod is gone', async () => (await stage.follower.story(stage.job)).deletedPods.length === 1);
    },
  },
  'policy-server-fails': {
    how: 'a native sidecar that ends with 1 whenever it is started: the main container waits for it',
    act: async (stage) => {
      await create(stage, {
        pod: { initContainers: [sidecar(stage, 'echo "model.safetensors is missing" >&2; exit 1', 'false')] },
      });
      await waitingFor(stage, /CrashLoopBackOff/);
    },
  },
  'policy-server-never-ready': {
    how: 'a native sidecar whose startup probe fails: the kubelet kills it and starts it again',
    act: async (stage) => {
      await create(stage, { pod: { initContainers: [sidecar(stage, SLEEP, 'false')] } });
      await eventually('it was started again', () =>
        podsOf(stage).some(({ status }) => status?.initContainerStatuses?.some(({ restartCount }) => restartCount > 0)),
      );
    },
  },
};

const sidecar = ({ image }: Stage, script: string, probe: string) => ({
  name: 'policy-server',
  image,
  command: ['/bin/sh', '-c', script],
  restartPolicy: 'Always',
  securityContext: SECURITY,
  terminationMessagePolicy: 'FallbackToLogsOnError',
  startupProbe: { exec: { command: [`/bin/${probe}`] }, periodSeconds: 1, failureThreshold: 3 },
  resources: { requests: { cpu: '20m', memory: '16Mi' }, limits: { memory: '64Mi' } },
});
