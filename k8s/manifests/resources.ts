import type { V1ResourceRequirements } from '@kubernetes/client-node';
import type { JobRequest } from '../../executor/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import { placementOf } from './placement.ts';

/** Share of the pod's resources for a program beside a policy server. It only reads and writes text. *Ours*. */
const MAIN_CPUS = 0.5;
const MAIN_MEMORY = 0.2;

/**
 * The resources of a stage are those of one pod. A policy server gets the GPUs and devices, and most of the rest. CPUs
 * are requested without a limit, because a limit throttles even on idle cores. Memory has a request and an equal limit,
 * so that the container that takes too much is killed.
 */
export function mainResources(request: JobRequest, settings: KubernetesSettings): V1ResourceRequirements {
  if (request.policyServer === null) return resources(request, settings, 1, 1, true);
  const { cpus } = request.resources;
  return resources(request, settings, Math.min(MAIN_CPUS, 1 / cpus), MAIN_MEMORY, false);
}

export function serverResources(request: JobRequest, settings: KubernetesSettings): V1ResourceRequirements {
  const { cpus } = request.resources;
  return resources(request, settings, 1 - Math.min(MAIN_CPUS, 1 / cpus), 1 - MAIN_MEMORY, true);
}

function resources(
  request: JobRequest,
  settings: KubernetesSettings,
  cpuShare: number,
  memoryShare: number,
  devices: boolean,
): V1ResourceRequirements {
  const { cpus, memoryGiB, gpus } = request.resources;
  const memory: Record<string, string> =
    memoryGiB === undefined ? {} : { memory: `${Math.round(memoryGiB * memoryShare * 1024)}Mi` };
  const extended = Object.entries(placementOf(settings, request).extendedResources ?? {});
  const owned: Record<string, string> = devices
    ? {
        ...(gpus > 0 ? { [settings.gpu.resource]: String(gpus) } : {}),
        ...Object.fromEntries(extended.map(([name, count]) => [name, String(count)])),
      }
    : {};
  const limits = { ...memory, ...owned };
  return {
    requests: { cpu: `${Math.max(1, Math.round(cpus * cpuShare * 1000))}m`, ...limits },
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}
