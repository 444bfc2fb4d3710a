import type { JobRequest } from '../../executor/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import type { Service } from '../api/objects.ts';
import { jobLabels } from './metadata.ts';
import { gangService } from './service.ts';

/** An object without a stable type in the client library. */
export interface CustomObject {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly body: object;
}

/**
 * Objects that a gang needs in addition to its Job, which owns them. The PodGroup requests gang scheduling from the
 * cluster: no rank is placed until all ranks can be placed.
 * @param uid - uid of the Job
 */
export function gangObjects(
  request: JobRequest,
  { gangScheduling }: KubernetesSettings,
  instance: string,
  uid: string,
): { service: Service; podGroup: CustomObject | null } {
  const service = gangService(request, instance, uid);
  if (gangScheduling === 'none' || request.parts === 1) return { service, podGroup: null };
  const podGroup: CustomObject = {
    group: 'scheduling.k8s.io',
    version: 'v1alpha2',
    plural: 'podgroups',
    body: {
      apiVersion: 'scheduling.k8s.io/v1alpha2',
      kind: 'PodGroup',
      metadata: {
        name: request.name,
        labels: jobLabels(request, instance),
        ownerReferences: service.metadata?.ownerReferences,
      },
      spec: { schedulingPolicy: { gang: { minCount: request.parts } } },
    },
  };
  return { service, podGroup };
}
