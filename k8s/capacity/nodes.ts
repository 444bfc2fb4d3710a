import type { JobRequest } from '../../executor/index.ts';
import { type NodeFacts, type PodFacts, type Qualification, qualify } from '../../planner/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import type { KubeClient } from '../api/client.ts';
import { needOf, nodeFacts, podFacts } from './facts.ts';

/** What a cluster has, as far as one may see it. */
export interface Survey {
  readonly nodes: readonly NodeFacts[];
  /** Null where one may not list the pods of all namespaces: then nothing is known of what others use. */
  readonly pods: readonly PodFacts[] | null;
}

/**
 * Looks at every node, and at every pod that holds something of one; null where nodes may not be listed. Takes the rights of
 * deploy/rbac-planner.yaml.
 * @param withPods - whether it matters who is on the nodes
 * @throws KubeError where the cluster does not answer
 */
export async function surveyCluster(
  client: Pick<KubeClient, 'listNodes' | 'listPodsOnNodes'>,
  withPods = true,
): Promise<Survey | null> {
  const [nodes, pods] = await Promise.all([client.listNodes(), withPods ? client.listPodsOnNodes() : null]);
  if (nodes === null) return null;
  return { nodes: nodes.map(nodeFacts), pods: pods?.flatMap((pod) => podFacts(pod) ?? []) ?? null };
}

/** Which nodes can hold the pods of a job. Of pods that may not be seen none are taken to be there. */
export const qualifyJob = (request: JobRequest, settings: KubernetesSettings, survey: Survey): Qualification =>
  qualify(needOf(request, settings), survey.nodes, survey.pods ?? []);
