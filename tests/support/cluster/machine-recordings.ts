import { BatchV1Api, CoreV1Api, SchedulingV1Api } from '@kubernetes/client-node';
import { addFakeNodes, FAKE_TAINT, removeFakeNodes } from '../../../dev/cluster/fake-nodes.ts';
import { reconfigureKubelet } from '../../../dev/cluster/kubelet.ts';
import { readyNode } from '../../../dev/cluster/node.ts';
import { startComponent, stopComponent } from '../../../dev/cluster/processes.ts';
import { NODE } from '../../../dev/cluster/settings.ts';
import { POOL } from './abandoned.ts';
import { eventually } from './job-story.ts';
import { recordedJob } from './recorded-job.ts';
import { create, failed, MERGE, podsOf, type Recording, running, SLEEP, type Stage } from './recording-stage.ts';

/**
 * The kubelet comes back with a threshold that the node does not reach: it looks at the pods anew, and does not take
 * them.
 */
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

/** What a machine does to a Job, and others who want it; by name of the file in tests/k8s/recorded/. */
export const MACHINE_RECORDINGS: Readonly<Record<string, Recording>> = {
  'evicted-memory': evictedByNode('memory'),
  'evicted-disk': evictedByNode('disk'),
  'rejected-memory': rejectedByNode('memory.available'),
  'rejected-disk': rejectedByNode('nodefs.available'),
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
      await addFakeNodes(stage.admin, { prefix: 'other', count: 2, labels: { [POOL]: stage.name } });
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
      await MACHINE_RECORDINGS['node-lost']?.act(stage);
      await startComponent('kubelet', stage.settings);
      await readyNode(stage.admin, 60_000);
      await failed(stage);
    },
  },
  'node-removed': {
    how: 'the Node object of a fake node (KWOK) was deleted while a pod was on it',
    act: async (stage) => {
      await addFakeNodes(stage.admin, { prefix: 'gone', count: 1, labels: { [POOL]: stage.name } });
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
};

const unreachableFor = (tolerationSeconds: number) =>
  ['not-ready', 'unreachable'].map((what) => ({
    key: `node.kubernetes.io/${what}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  }));

async function nodeIs({ admin }: Stage, name: string, status: string): Promise<void> {
  const core = admin.makeApiClient(CoreV1Api);
  await eventually(`node ${name} is ${status}`, async () => {
    const node = await core.readNode({ name });
    return (
      node.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === status) ?? false
    );
  });
}
