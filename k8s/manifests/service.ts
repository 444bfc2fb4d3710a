import type { JobRequest } from '../../executor/index.ts';
import type { Service } from '../api/objects.ts';
import { LABELS } from './labels.ts';
import { jobLabels } from './metadata.ts';

/**
 * Headless Service of a gang: makes `<job>-<rank>.<job>` a name, before the ranks are ready too, since they meet in order to become so.
 * Owned by the Job, so that it goes with it.
 * @param uid - of the Job
 */
export function gangService(request: JobRequest, instance: string, uid: string): Service {
  const { name } = request;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      labels: jobLabels(request, instance),
      // Without `blockOwnerDeletion`, for which a worker would need the right to change finalizers of Jobs.
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid }],
    },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { [LABELS.jobName]: name },
      ports: [],
    },
  };
}
