import { jobHasEnded } from '../executor/index.ts';
import { annotationOf } from './api/objects.ts';
import type { Cluster } from './cluster.ts';
import { saveLogs } from './logs/logs.ts';
import { ANNOTATIONS } from './manifests/labels.ts';
import { onlyLostPodsAreLeft } from './status/job-at-rest.ts';

/**
 * Asks a Job to stop, and returns when nothing of it runs. The Job itself stays.
 * @param askedAt - when a worker first asked it to stop, ISO 8601
 */
export async function suspendJob(cluster: Cluster, name: string, askedAt: string): Promise<void> {
  const { client, store, cache, log } = cluster;
  const job = await client.getJob(name);
  if (job === null) return;
  cache.note(job);
  await cache.ready();
  const { observation, snapshot } = await cluster.statusOf(job);
  if (jobHasEnded(observation)) return;
  if (annotationOf(job, ANNOTATIONS.stoppedAt) === null) {
    await saveLogs(client, store, job, snapshot.pods, log);
    const annotations = { [ANNOTATIONS.stoppedAt]: askedAt };
    const changed = await client.patchJob(name, { annotations, spec: { suspend: true } });
    if (changed !== null) cache.note(changed);
  }
  await cluster.until(name, async () => {
    const now = await cluster.find(name);
    return now === null || jobHasEnded((await cluster.statusOf(now)).observation);
  });
  log.info({ job: name }, 'job suspended');
}

/** Removes a Job, and returns when it is gone or only pods on lost nodes keep it. */
export async function removeJob(cluster: Cluster, name: string): Promise<void> {
  const { client, store, settings, cache, log } = cluster;
  const job = await client.getJob(name);
  if (job === null) return;
  await cache.ready();
  await saveLogs(client, store, job, cache.podsOf(job), log);
  await client.deleteJob(name);
  const uid = job.metadata?.uid;
  await cluster.until(name, async () => {
    const now = await cluster.find(name);
    if (now === null || now.metadata?.uid !== uid) return true;
    return onlyLostPodsAreLeft((await cluster.statusOf(now)).snapshot, settings.limits);
  });
  log.info({ job: name }, 'job removed');
}
