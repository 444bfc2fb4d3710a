import type { JobRequest } from '../executor/index.ts';
import { InvalidInputError } from '../spec/index.ts';
import { isRefusal } from './api/errors.ts';
import { annotationOf, type Job } from './api/objects.ts';
import type { Cluster } from './cluster.ts';
import { gangObjects } from './manifests/gang.ts';
import { jobManifest } from './manifests/job.ts';
import { ANNOTATIONS } from './manifests/labels.ts';
import { excludable } from './manifests/placement.ts';
import { stoppedSince } from './status/store-notes.ts';
import { suspendJob } from './stop.ts';

/**
 * Creates the Job of a request, or adopts an existing one.
 * @throws InvalidInputError when the API server refuses the Job, or when a Job of somebody else has its name
 */
export async function submitJob(cluster: Cluster, request: JobRequest): Promise<void> {
  const { client, store, settings, cache, log } = cluster;
  const stopped = await stoppedSince(store, request.name);
  const wanted = await withPossibleExclusions(cluster, request);
  try {
    const created = await client.createJob(jobManifest(wanted, settings, cluster.instance, stopped));
    const job = created ?? (await client.getJob(request.name));
    // Somebody removed it between the two requests.
    if (job === null) return await submitJob(cluster, request);
    refuseForeignJob(job, request);
    cache.note(job);
    // Also for an adopted job: the worker that created it may have died before this line.
    if (request.gang && stopped === null) await createGangObjects(cluster, wanted, job);
    log.info({ job: request.name }, created === null ? 'job adopted' : 'job submitted');
    // A stop may come while the Job is created. One of the two workers sees the request of the other.
    const askedAt = stopped === null ? await stoppedSince(store, request.name) : null;
    if (askedAt !== null) await suspendJob(cluster, request.name, askedAt);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const field = `stages.${request.kind}.run`;
    throw new InvalidInputError(`the job of stage ${request.stage}`, [{ field, message: error.message }]);
  }
}

/** The request without exclusions that would leave no node. Needs the right to list nodes. */
async function withPossibleExclusions({ client, settings, log }: Cluster, request: JobRequest): Promise<JobRequest> {
  if (request.excludedNodes.length === 0) return request;
  const nodes = await client.listNodes();
  const excludedNodes = nodes === null ? request.excludedNodes : excludable(request, settings, nodes);
  if (excludedNodes.length < request.excludedNodes.length) {
    const facts = { job: request.name, excludedNodes: request.excludedNodes };
    log.warn(facts, 'node exclusion ignored: no other node qualifies');
  }
  return { ...request, excludedNodes };
}

async function createGangObjects(
  { client, settings, instance, log }: Cluster,
  request: JobRequest,
  job: Job,
): Promise<void> {
  const { service, podGroup } = gangObjects(request, settings, instance, job.metadata?.uid ?? '');
  await client.createService(service);
  if (podGroup === null) return;
  const isServed = await client.createCustom(podGroup.group, podGroup.version, podGroup.plural, podGroup.body);
  if (isServed) return;
  log.warn({ job: request.name }, 'gangScheduling: this cluster does not serve pod-group; ranks are placed one by one');
}

/**
 * The name of a Job contains campaign, stage, key and claim. A Job of this name with another key belongs to somebody
 * else.
 */
function refuseForeignJob(job: Job, { name, key }: JobRequest): void {
  if (annotationOf(job, ANNOTATIONS.key) === key) return;
  const message = 'expected no Job of this name, but got one that somebody else has created; remove it';
  throw new InvalidInputError(`Job ${name}`, [{ field: 'metadata.name', message }]);
}
