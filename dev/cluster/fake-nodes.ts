import { CoreV1Api, type KubeConfig, type V1Node } from '@kubernetes/client-node';
import { FAKE_GPUS, H100_LABELS } from './node.ts';

/** Nodes that exist only in the API server. KWOK simulates their kubelets, and their pods run nothing. */

/** Only pods that tolerate this taint are scheduled to a fake node. */
export const FAKE_TAINT = { key: 'kwok.x-k8s.io/node', value: 'fake', effect: 'NoSchedule' } as const;

export interface FakeNodes {
  /** Nodes are called `<prefix>-0`, `<prefix>-1`, ... */
  readonly prefix: string;
  readonly count: number;
  /** Labels that override those of a node with eight H100 GPUs. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly gpus?: number;
  readonly cpus?: number;
  readonly memory?: string;
  /** Additional resources, such as `rdma/hca: '8'`. */
  readonly resources?: Readonly<Record<string, string>>;
  /** Nodes in one rack. The label `topology.kubernetes.io/rack` names the rack. */
  readonly nodesPerRack?: number;
}

/** The rack label of fake nodes. */
export const RACK_LABEL = 'topology.kubernetes.io/rack';

export function fakeNode(
  { prefix, labels, gpus = FAKE_GPUS, cpus = 192, memory = '2048Gi', resources, nodesPerRack = 8 }: FakeNodes,
  index: number,
): V1Node {
  const name = `${prefix}-${index}`;
  const capacity = { cpu: String(cpus), memory, pods: '110', 'nvidia.com/gpu': String(gpus), ...resources };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { 'kwok.x-k8s.io/node': 'fake', 'node.alpha.kubernetes.io/ttl': '0' },
      labels: {
        ...H100_LABELS,
        'nvidia.com/gpu.count': String(gpus),
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        type: 'kwok',
        [RACK_LABEL]: `${prefix}-rack-${Math.floor(index / nodesPerRack)}`,
        ...labels,
      },
    },
    spec: { taints: [FAKE_TAINT] },
    status: { capacity, allocatable: capacity },
  };
}

/** Creates the nodes. Keeps nodes that exist. */
export async function addFakeNodes(config: KubeConfig, nodes: FakeNodes): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const create = async (index: number) => {
    await core.createNode({ body: fakeNode(nodes, index) }).catch((error: { code?: number }) => {
      if (error.code !== 409) throw error;
    });
  };
  await Promise.all(Array.from({ length: nodes.count }, (_, index) => create(index)));
}

export async function removeFakeNodes(config: KubeConfig, prefix: string): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const { items } = await core.listNode({ labelSelector: 'type=kwok' });
  const ours = items.map(({ metadata }) => metadata?.name ?? '').filter((name) => name.startsWith(`${prefix}-`));
  await Promise.all(ours.map((name) => core.deleteNode({ name })));
}
