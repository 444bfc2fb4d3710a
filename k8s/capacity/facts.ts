import type { JobRequest } from '../../executor/index.ts';
import type { Amounts, Need, NodeFacts, PodFacts } from '../../planner/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import { type KubeNode, nameOf, type Pod, trueCondition } from '../api/objects.ts';
import { jobManifest } from '../manifests/job.ts';
import { quantity } from './quantity.ts';

/** Converts objects of a cluster into the facts that the planner needs. Pure. */

export function nodeFacts(node: KubeNode): NodeFacts {
  return {
    name: nameOf(node),
    ready: trueCondition(node.status?.conditions, 'Ready') !== undefined,
    cordoned: node.spec?.unschedulable === true,
    labels: node.metadata?.labels ?? {},
    taints: node.spec?.taints ?? [],
    allocatable: amountsOf(node.status?.allocatable),
  };
}

/** Resources of its node that a pod holds; null if it has no node or has ended. */
export function podFacts(pod: Pod): PodFacts | null {
  const node = pod.spec?.nodeName;
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (node === undefined || ended || pod.spec === undefined) return null;
  return { node, requests: podRequests(pod.spec) };
}

type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];

/**
 * Resources that the scheduler counts for a pod: the sum of its containers and native sidecars, or the largest other
 * init container with the sidecars that run before it, plus the overhead of the pod. Source: Kubernetes, "Pod
 * Lifecycle", resource sharing within containers.
 */
export function podRequests({ containers, initContainers = [], overhead }: PodSpec): Amounts {
  let sidecars: Amounts = {};
  let starting: Amounts = {};
  for (const one of initContainers) {
    const asked = requestsOf(one);
    if (one.restartPolicy === 'Always') sidecars = sum(sidecars, asked);
    else starting = most(starting, sum(sidecars, asked));
  }
  const running = containers.map(requestsOf).reduce(sum, sidecars);
  return sum(most(running, starting), amountsOf(overhead));
}

/** A limit without a request counts as the request. */
function requestsOf({ resources }: Container): Amounts {
  return { ...amountsOf(resources?.limits), ...amountsOf(resources?.requests) };
}

const amountsOf = (quantities: Readonly<Record<string, string>> | undefined): Amounts =>
  Object.fromEntries(Object.entries(quantities ?? {}).map(([name, text]) => [name, quantity(text)]));

const combine =
  (how: (a: number, b: number) => number) =>
  (first: Amounts, second: Amounts): Amounts =>
    Object.fromEntries(
      [...new Set([...Object.keys(first), ...Object.keys(second)])].map((name) => [
        name,
        how(first[name] ?? 0, second[name] ?? 0),
      ]),
    );
const sum = combine((a, b) => a + b);
const most = combine(Math.max);

/** What a job needs of a cluster, read from the manifest that would be sent. */
export function needOf(request: JobRequest, settings: KubernetesSettings): Need {
  const pod = jobManifest(request, settings, 'unsent').spec?.template.spec;
  if (pod === undefined) throw new Error(`the Job of ${request.name} has no pods`);
  return {
    pods: request.gang ? request.parts : request.parallelism,
    gang: request.gang,
    requests: podRequests(pod),
    gpuMemoryGiB: request.resources.gpuMemoryGiB,
    nodeSelector: pod.nodeSelector ?? {},
    tolerations: pod.tolerations ?? [],
    excludedNodes: request.excludedNodes,
  };
}
