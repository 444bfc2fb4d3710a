import { randomBytes } from 'node:crypto';
import { CoreV1Api } from '@kubernetes/client-node';
import { eventually } from './job-story.ts';
import { SECURITY } from './recorded-job.ts';
import type { TestNamespace } from './test-namespace.ts';

/** Asks the scheduler itself: whether it finds a place for a pod with so many GPUs. The pod is removed again. */
export async function findsPlaceFor(
  gpus: number,
  { admin, name: namespace }: TestNamespace,
  image: string,
): Promise<boolean> {
  const core = admin.makeApiClient(CoreV1Api);
  const name = `probe-${randomBytes(3).toString('hex')}`;
  const amount = { 'nvidia.com/gpu': String(gpus) };
  await core.createNamespacedPod({
    namespace,
    body: {
      metadata: { name },
      spec: {
        securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'probe',
            image,
            command: ['/bin/sleep', '60'],
            resources: { requests: amount, limits: amount },
            securityContext: SECURITY,
          },
        ],
      },
    },
  });
  let placed: boolean | null = null;
  try {
    await eventually('the scheduler has looked', async () => {
      const pod = await core.readNamespacedPod({ name, namespace });
      const said = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
      placed = said === undefined ? null : said.status === 'True';
      return placed !== null;
    });
  } finally {
    await core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 });
  }
  return placed === true;
}
