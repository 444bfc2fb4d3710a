import type { JobRequest } from '../../executor/index.ts';
import { type NodeFacts, type PodFacts, type Qualification, qualify } from '../../planner/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import type { KubeClient } from '../api/client.ts';
import { needOf, nodeFacts, podFacts } from './facts.ts';

/** Nodes and pods of a cluster, as far as the worker may list them. */
export interface Survey {
  readonly nodes: readonly NodeFacts[];
  /** Null if the worker may not list the pods of all namespaces. The use by other pods is then unknown. */
  readonly pods: readonly PodFacts[] | null;
}

/**
 * Lists all nodes, and all pods that hold resources of a node; null if the worker may not list nodes. Needs the rights
 * of deploy/rbac-planner.yaml.
 * @param withPods - whether to list pods too
 * @throws KubeError when the cluster does not answer
 */
export async function surveyCluster(
  client: Pick<KubeClient, 'listNodes' | 'listPodsOnNodes'>,
  withPods = true,
): Promise<Survey | null> {
  const [nodes, pods] = await Promise.all([client.listNodes(), withPods ? client.listPodsOnNodes() : null]);
  if (nodes === null) return null;
  return { nodes: nodes.map(nodeFacts), pods: pods?.flatMap((pod) => podFacts(pod) ?? []) ?? null };
}

/** The nodes that can hold the pods of a job. Pods that the worker may not list count as absent. */
export const qualifyJob = (request: JobRequest, settings: KubernetesSettings, survey: Survey): Qualification =>
  qualify(needOf(request, settings), survey.nodes, survey.pods ?? []);
