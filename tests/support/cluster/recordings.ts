import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchV1Api,
  CoreV1Api,
  type KubernetesObject,
  PatchStrategy,
  SchedulingV1Api,
  setHeaderOptions,
  type V1Job,
  type V1Pod,
} from '@kubernetes/client-node';
import { applyObjects } from '../../../cluster/api.ts';
import { addFakeNodes, FAKE_TAINT, removeFakeNodes } from '../../../cluster/fake-nodes.ts';
import { reconfigureKubelet } from '../../../cluster/kubelet.ts';
import { readyNode } from '../../../cluster/node.ts';
import { startComponent, stopComponent } from '../../../cluster/processes.ts';
import { type ClusterSettings, NODE } from '../../../cluster/settings.ts';
import { eventually, type JobFollower } from './job-story.ts';
import { killMain } from './pod-processes.ts';
import { type RecordedJob, recordedJob, SECURITY } from './recorded-job.ts';
import type { TestNamespace } from './test-namespace.ts';
import { refusingWebhook } from './webhook.ts';

/** One way in which a Job can go, caused for real. */
export interface Recording {
  /** How it was caused, in words; kept beside what was recorded. */
  readonly how: string;
  readonly act: (stage: Stage) => Promise<void>;
}

/** What a recording acts with. Its Job is called `job`. */
export interface Stage extends TestNamespace {
  readonly settings: ClusterSettings;
  readonly image: string;
  readonly job: string;
  readonly follower: JobFollower;
}

const MERGE = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
const SLEEP = 'trap "exit 143" TERM; sleep 600 & wait';
const DEAF = 'trap "" TERM; sleep 600';
const BROKEN = 'trap "exit 1" TERM; sleep 600 & wait';

const create = async (stage: Stage, job: Partial<RecordedJob>): Promise<void> => {
  const { admin, name: namespace, image } = stage;
  const body = recordedJob({ name: stage.job, namespace, image, ...job });
  await admin.makeApiClient(BatchV1Api).createNamespacedJob({ namespace, body });
};
const podsOf = ({ follower, job }: Stage): V1Pod[] =>
  [...follower.pods.values()].filter(({ metadata }) => metadata?.labels?.['batch.kubernetes.io/job-name'] === job);
const jobOf = ({ follower, job }: Stage): V1Job | undefined => follower.jobs.get(job);

/** Creates the Job, and waits for what is to be seen of it. */
const createThen =
  (job: Partial<RecordedJob>, seen: (stage: Stage) => Promise<void>) =>
  async (stage: Stage): Promise<void> => {
    await create(stage, job);
    await seen(stage);
  };

const running = (stage: Stage, count = 1) =>
  eventually('pods run', () => podsOf(stage).filter(({ status }) => status?.phase === 'Running').length >= count);
const conditioned = (stage: Stage, type: string) =>
  eventually(
    `the Job is ${type}`,
    () => jobOf(stage)?.status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false,
    90_000,
  );
const failed = (stage: Stage) => conditioned(stage, 'Failed');
const waitingFor = (stage: Stage, reason: RegExp) =>
  eventually(`a container waits: ${reason}`, () =>
    podsOf(stage).some(({ status }) =>
      [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(({ state }) =>
        reason.test(state?.waiting?.reason ?? ''),
      ),
    ),
  );
const unschedulable = (stage: Stage) =>
  eventually('the scheduler says why', () =>
    podsOf(stage).some(({ status }) => status?.conditions?.some(({ reason }) => reason === 'Unschedulable')),
  );
const eventSeen = async (stage: Stage, reason: string) => {
  const core = stage.admin.makeApiClient(CoreV1Api);
  await eventually(`an event ${reason}`, async () => {
    const { items } = await core.listNamespacedEvent({ namespace: stage.name });
    return items.some((event) => event.reason === reason);
  });
};
const apply = ({ admin, name: namespace }: Stage, object: KubernetesObject) =>
  applyObjects(admin, [{ ...object, metadata: { namespace, ...object.metadata } }]);

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

/** The kubelet comes back with a threshold that the node does not reach: it looks at the pods anew, and does not take them. */
const rejectedByNode = (signal: string): Recording => ({
  how: `the kubelet was restarted with an eviction threshold of ${signal} that no machine reaches, while the pod ran: it did not admit the pod again`,
  act: async (stage) => {
    await create(stage, { script: SLEEP });
    await running(stage);
    const undo = await reconfigureKubelet(stage.settings, {
      evictionHard: { [signal]: '99%' },
      evictionPressureTransitionPeriod: '2s',
    });
    await failed(stage).finally(undo);
  },
});

const GIB = 2 ** 30;

/** The pod takes so much that the node falls below a threshold set just under what it has. */
const evictedByNode = (what: 'memory' | 'disk'): Recording => ({
  how: `the pod took 5 GiB of ${what}, with the kubelet's eviction threshold 3 GiB below what the node had`,
  act: async (stage) => {
    const available = await availableBytes(stage, what);
    const signal = what === 'memory' ? 'memory.available' : 'nodefs.available';
    const undo = await reconfigureKubelet(stage.settings, {
      evictionHard: { [signal]: `${Math.round((available - 3 * GIB) / 2 ** 20)}Mi` },
      evictionPressureTransitionPeriod: '2s',
    });
    const take =
      what === 'memory' ? 'dd if=/dev/zero of=/taken/x bs=1M count=5120' : 'fallocate -l 5368709120 /taken/x';
    const resources = { requests: { cpu: '20m', memory: '16Mi' }, limits: { memory: '6Gi' } };
    try {
      await create(stage, {
        script: `${take}; ${SLEEP}`,
        container: { resources, volumeMounts: [{ name: 'taken', mountPath: '/taken' }] },
        pod: { volumes: [{ name: 'taken', emptyDir: what === 'memory' ? { medium: 'Memory' } : {} }] },
      });
      await failed(stage);
    } finally {
      await undo();
    }
  },
});

/** As the kubelet counts it. */
async function availableBytes({ admin }: Stage, what: 'memory' | 'disk'): Promise<number> {
  const text = await admin.makeApiClient(CoreV1Api).connectGetNodeProxyWithPath({ name: NODE, path: 'stats/summary' });
  const { node } = (typeof text === 'string' ? JSON.parse(text) : text) as {
    node: { memory: { availableBytes: number }; fs: { availableBytes: number } };
  };
  return what === 'memory' ? node.memory.availableBytes : node.fs.availableBytes;
}

/** By name of the file in tests/k8s/recorded/. */
export const RECORDINGS: Readonly<Record<string, Recording>> = {
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
  'evicted-memory': evictedByNode('memory'),
  'evicted-disk': evictedByNode('disk'),
  'rejected-memory': rejectedByNode('memory.available'),
  'rejected-disk': rejectedByNode('nodefs.available'),
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
  drained: {
    how: 'the node was cordoned and the pod evicted through the Eviction API, as `kubectl drain` does',
    act: async (stage) => {
      await create(stage, { script: SLEEP });
      await running(stage);
      const core = stage.admin.makeApiClient(CoreV1Api);
      const name = podsOf(stage)[0]?.metadata?.name ?? '';
      await core.patchNode({ name: NODE, body: { spec: { unschedulable: true } } }, MERGE);
      try {
        await core.createNamespacedPodEviction({
          name,
          namespace: stage.name,
          body: { metadata: { name, namespace: stage.name } },
        });
        await failed(stage);
      } finally {
        await core.patchNode({ name: NODE, body: { spec: { unschedulable: null } } }, MERGE);
      }
    },
  },
  preempted: {
    how: 'a pod of a higher priority class wanted the eight GPUs that the Job had',
    act: async (stage) => {
      const scheduling = stage.admin.makeApiClient(SchedulingV1Api);
      const priorityClassName = `${stage.name}-high`;
      await scheduling.createPriorityClass({ body: { metadata: { name: priorityClassName }, value: 1000 } });
      try {
        await create(stage, { script: SLEEP, gpus: 8 });
        await running(stage);
        const body = recordedJob({
          name: 'preemptor',
          namespace: stage.name,
          image: stage.image,
          script: 'sleep 2',
          gpus: 8,
          pod: { priorityClassName },
        });
        await stage.admin.makeApiClient(BatchV1Api).createNamespacedJob({ namespace: stage.name, body });
        await failed(stage);
      } finally {
        await scheduling.deletePriorityClass({ name: priorityClassName });
      }
    },
  },
  'pod-deleted': podDeleted('with `kubectl delete pod`, and the program saved', SLEEP),
  'pod-deleted-deaf': podDeleted('with `kubectl delete pod`, and the program did not listen to SIGTERM: 137', DEAF),
  'pod-deleted-broken': podDeleted('with `kubectl delete pod`, and the program broke on SIGTERM: 1', BROKEN),
  'pod-deleted-force': podDeleted('with `kubectl delete pod --force`: without a grace', DEAF, {
    gracePeriodSeconds: 0,
  }),
  'node-not-ready': {
    how: 'the kubelet was killed; its node has become NotReady, and the pod has not been given up yet',
    act: async (stage) => {
      await create(stage, { script: SLEEP, pod: { tolerations: unreachableFor(30) } });
      await running(stage);
      await stopComponent('kubelet', 0); // whoever records starts it again
      await nodeIs(stage, NODE, 'Unknown');
      await eventually('its pods are told to be unready', () =>
        podsOf(stage).every(({ status }) =>
          status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'False'),
        ),
      );
    },
  },
  'node-lost': {
    how: 'the kubelet was killed and stayed away until the pod was given up: it is being deleted, and nobody is there to end it',
    act: async (stage) => {
      // Where no node at all answers, Kubernetes takes that for its own fault and gives no pod up.
      await addFakeNodes(stage.admin, { prefix: 'other', count: 2 });
      await create(stage, { script: SLEEP, pod: { tolerations: unreachableFor(3) } });
      await running(stage);
      await stopComponent('kubelet', 0);
      await eventually('the pod is given up', () =>
        podsOf(stage).some(({ metadata }) => metadata?.deletionTimestamp !== undefined),
      );
      await removeFakeNodes(stage.admin, 'other');
    },
  },
  'node-returned': {
    how: 'as node-lost, and then the kubelet came back and ended the pod',
    act: async (stage) => {
      await RECORDINGS['node-lost']?.act(stage);
      await startComponent('kubelet', stage.settings);
      await readyNode(stage.admin, 60_000);
      await failed(stage);
    },
  },
  'node-removed': {
    how: 'the Node object of a fake node (KWOK) was deleted while a pod was on it',
    act: async (stage) => {
      await addFakeNodes(stage.admin, { prefix: 'gone', count: 1 });
      try {
        const pod = {
          nodeSelector: { 'kubernetes.io/hostname': 'gone-0' },
          tolerations: [{ key: FAKE_TAINT.key, operator: 'Exists' }],
        };
        await create(stage, { script: SLEEP, pod });
        await running(stage);
      } finally {
        await removeFakeNodes(stage.admin, 'gone');
      }
      await failed(stage);
    },
  },
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

const unreachableFor = (tolerationSeconds: number) =>
  ['not-ready', 'unreachable'].map((what) => ({
    ...{ key: `node.kubernetes.io/${what}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds },
  }));

const sidecar = ({ image }: Stage, script: string, probe: string) => ({
  ...{
    name: 'policy-server',
    image,
    command: ['/bin/sh', '-c', script],
    restartPolicy: 'Always',
    securityContext: SECURITY,
  },
  terminationMessagePolicy: 'FallbackToLogsOnError',
  startupProbe: { exec: { command: [`/bin/${probe}`] }, periodSeconds: 1, failureThreshold: 3 },
  resources: { requests: { cpu: '20m', memory: '16Mi' }, limits: { memory: '64Mi' } },
});

async function nodeIs({ admin }: Stage, name: string, status: string): Promise<void> {
  const core = admin.makeApiClient(CoreV1Api);
  await eventually(`node ${name} is ${status}`, async () => {
    const node = await core.readNode({ name });
    return (
      node.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === status) ?? false
    );
  });
}
