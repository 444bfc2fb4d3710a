import type { JobRequest } from '../../executor/index.ts';
import { type NodeFacts, type PodFacts, type Qualification, qualify } from '../../planner/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import type { KubeClient } from '../api/client.ts';
import type { Pod } from '../api/objects.ts';
import { needOf, nodeFacts, podFacts } from './facts.ts';

/** The nodes of a cluster, and the pods on them. */
export interface ClusterNodes {
  readonly nodes: readonly NodeFacts[];
  /** Null if the worker may not list the pods of all namespaces. Then the use by others is unknown. */
  readonly pods: readonly PodFacts[] | null;
}

/**
 * Lists all nodes, and all pods that hold resources of a node; null if the worker may not list nodes. Needs the rights
 * of deploy/rbac-planner.yaml.
 * @param withPods - whether to list pods too
 * @param isEnding - whether a pod has done its work, and frees its resources soon: it counts as absent
 * @throws KubeError when the cluster does not answer
 */
export async function readClusterNodes(
  client: Pick<KubeClient, 'listNodes' | 'listPodsOnNodes'>,
  withPods = true,
  isEnding: (pod: Pod) => Promise<boolean> = async () => false,
): Promise<ClusterNodes | null> {
  const [nodes, pods] = await Promise.all([client.listNodes(), withPods ? client.listPodsOnNodes() : null]);
  if (nodes === null) return null;
  const facts = pods?.map(async (pod) => ((await isEnding(pod)) ? [] : (podFacts(pod) ?? [])));
  return { nodes: nodes.map(nodeFacts), pods: facts === undefined ? null : (await Promise.all(facts)).flat() };
}

/** Which nodes can run the pods of a job. Pods that may not be listed count as absent. */
export const qualifyJob = (request: JobRequest, settings: KubernetesSettings, cluster: ClusterNodes): Qualification =>
  qualify(needOf(request, settings), cluster.nodes, cluster.pods ?? []);
