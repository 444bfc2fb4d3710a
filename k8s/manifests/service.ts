import type { JobRequest } from '../../executor/index.ts';
import type { Service } from '../api/objects.ts';
import { LABELS } from './labels.ts';
import { jobLabels } from './metadata.ts';

/**
 * Headless Service of a gang. It gives ranks the DNS names `<job>-<rank>.<job>`, also before they are ready, because
 * ranks become ready only after they have met. The Job owns it, so that it is removed with the Job.
 * @param uid - uid of the Job
 */
export function gangService(request: JobRequest, instance: string, uid: string): Service {
  const { name } = request;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      labels: jobLabels(request, instance),
      // `blockOwnerDeletion` is not set, because a worker would need the right to change finalizers of Jobs.
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
