import type { V1Affinity, V1NodeSelectorRequirement, V1Toleration } from '@kubernetes/client-node';
import type { JobRequest } from '../../executor/index.ts';
import { type KubernetesPlacement, type KubernetesSettings, minReportedGiB } from '../../spec/index.ts';
import { type KubeNode, nameOf } from '../api/objects.ts';
import { LABELS } from './labels.ts';

/**
 * Merges the defaults of the cluster and the settings of the stage. Labels and tolerations add up; otherwise the stage
 * wins.
 */
export function placementOf({ defaults }: KubernetesSettings, request: JobRequest): KubernetesPlacement {
  const own = request.kubernetes ?? {};
  return {
    ...defaults,
    ...own,
    nodeSelector: { ...defaults.nodeSelector, ...own.nodeSelector },
    tolerations: [...(defaults.tolerations ?? []), ...(own.tolerations ?? [])],
    extendedResources: own.extendedResources ?? defaults.extendedResources,
  };
}

/** The nodes that pods may be placed on, and how close to each other. Undefined if any node will do. */
export function affinityOf(request: JobRequest, settings: KubernetesSettings): V1Affinity | undefined {
  const node = nodeAffinityOf(request, settings);
  const { topology } = placementOf(settings, request);
  const near = request.gang && request.parts > 1 ? topology : undefined;
  if (node === undefined && near === undefined) return undefined;
  return {
    ...(node === undefined ? {} : { nodeAffinity: node }),
    ...(near === undefined ? {} : { podAffinity: podAffinityOf(request.name, near) }),
  };
}

function nodeAffinityOf(request: JobRequest, { gpu }: KubernetesSettings): V1Affinity['nodeAffinity'] {
  const { gpus, gpuMemoryGiB } = request.resources;
  const ofGpu: V1NodeSelectorRequirement[] =
    gpus > 0 && gpuMemoryGiB !== undefined
      ? [
          {
            key: gpu.memoryLabel,
            operator: 'Gt',
            values: [String(Math.ceil(minReportedGiB(gpuMemoryGiB) * 1024) - 1)],
          },
        ]
      : [];
  // By the name of the object, because the label of the host name may differ.
  const notOn = [...new Set(request.excludedNodes)]
    .toSorted()
    .map((name): V1NodeSelectorRequirement => ({ key: 'metadata.name', operator: 'NotIn', values: [name] }));
  if (ofGpu.length === 0 && notOn.length === 0) return undefined;
  const term = {
    ...(ofGpu.length > 0 ? { matchExpressions: ofGpu } : {}),
    ...(notOn.length > 0 ? { matchFields: notOn } : {}),
  };
  return { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } };
}

function podAffinityOf(
  job: string,
  { key, mode }: NonNullable<KubernetesPlacement['topology']>,
): V1Affinity['podAffinity'] {
  const term = { topologyKey: key, labelSelector: { matchLabels: { [LABELS.jobName]: job } } };
  return mode === 'required'
    ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
    : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }] };
}

/**
 * Tolerations of a pod. On an unreachable node it is evicted after `nodeLostSeconds`; Kubernetes waits five minutes by
 * default.
 */
export function tolerationsOf(placement: KubernetesPlacement, nodeLostSeconds: number): V1Toleration[] {
  const lost = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
  return [
    ...(placement.tolerations ?? []),
    ...lost.map((key) => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: nodeLostSeconds,
    })),
  ];
}

/**
 * The excluded nodes that can be excluded: all of them if another node has the requested labels and accepts pods,
 * otherwise none. Pure.
 */
export function excludable(
  request: JobRequest,
  settings: KubernetesSettings,
  nodes: readonly KubeNode[],
): readonly string[] {
  const wanted = Object.entries(placementOf(settings, request).nodeSelector ?? {});
  const { gpus } = request.resources;
  const others = nodes.filter(
    (node) =>
      !request.excludedNodes.includes(nameOf(node)) &&
      node.spec?.unschedulable !== true &&
      wanted.every(([key, value]) => node.metadata?.labels?.[key] === value) &&
      Number(node.status?.allocatable?.[settings.gpu.resource] ?? 0) >= gpus,
  );
  return others.length > 0 ? request.excludedNodes : [];
}
