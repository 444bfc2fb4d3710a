import type { Connection } from './connection.ts';
import { type KubeNode, type Pod, wire } from './objects.ts';
import { sendOrNull } from './request.ts';

/** Lets the API server answer from its cache: a moment old, and no load for etcd. */
const CACHED = { resourceVersion: '0' };

/** Requests for nodes and the pods on them. Null if the worker may not read them. */
export const nodeRequests = ({ core }: Connection) => ({
  /** Null if there is no such node. @throws KubeError 403 if the worker may not read nodes */
  async getNode(name: string): Promise<KubeNode | null> {
    const node = await sendOrNull(`get Node ${name}`, [404], () => core.readNode({ name }));
    return node === null ? null : wire(node);
  },

  async listNodes(): Promise<KubeNode[] | null> {
    const list = await sendOrNull('list Nodes', [403], () => core.listNode(CACHED));
    return list === null ? null : (wire(list.items) as KubeNode[]);
  },

  /** Pods of all namespaces that use resources of a node. */
  async listPodsOnNodes(): Promise<Pod[] | null> {
    const fieldSelector = 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed';
    const request = () => core.listPodForAllNamespaces({ fieldSelector, ...CACHED });
    const list = await sendOrNull('list Pods of all namespaces', [403], request);
    return list === null ? null : (wire(list.items) as Pod[]);
  },
});
