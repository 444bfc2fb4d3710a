import { setTimeout as sleep } from 'node:timers/promises';
import { type JobObservation, jobHasEnded, type PodState } from '../executor/index.ts';
import { stageDir } from '../store/index.ts';
import { type Job, nameOf, type Pod } from './api/objects.ts';
import { retryUntilAborted } from './api/retry.ts';
import type { Cluster } from './cluster.ts';
import { JobChanges } from './job-changes.ts';
import { endLeftover } from './leftover.ts';
import { saveLogs } from './logs/logs.ts';
import { ANNOTATIONS, LABELS } from './manifests/labels.ts';
import { PublishedParts } from './published-parts.ts';
import { endByParts, publishersOf, stageKeyOf } from './status/end-by-parts.ts';
import { removedJob } from './status/job-failure.ts';
import type { JobSnapshot } from './status/job-snapshot.ts';
import type { JobFailure } from './status/pod-failure.ts';
import { hasEnded } from './status/pod-state.ts';
import { stoppedSince } from './status/store-notes.ts';

/** The Job and its pods have separate watches: the end of a pod may arrive shortly after the end of its Job. */
const LATE_POD_MS = 1000;
/** Logs of a failed job are saved before its end is reported, for at most this time. */
const SAVE_LOGS_MS = 10_000;

/**
 * The state of a Job now and after every change, until it has ended or `signal` aborts. Ends a Job that can never
 * succeed.
 */
export async function* watchJob(cluster: Cluster, name: string, signal: AbortSignal): AsyncGenerator<JobObservation> {
  const { cache, store, settings, log } = cluster;
  // Stop waiting when the caller aborts, even while the API server is unreachable.
  const isReady = await cache.ready(signal).then(
    () => true,
    () => false,
  );
  if (!isReady) return;
  using changes = new JobChanges(cache, name, signal);
  using cleanup = new DisposableStack();
  let parts: PublishedParts | null = null;
  let reported = '';
  let last: JobObservation | null = null;
  while (!signal.aborted) {
    const job = await retryUntilAborted(() => cluster.find(name), signal, log);
    if (job === undefined) return;
    if (job === null) {
      if (last !== null) yield removedJob(last, (await stoppedSince(store, name)) !== null, settings.namespace);
      return;
    }
    const { observation, giveUp, snapshot } = await cluster.statusOf(job);
    parts ??= cleanup.use(partsOf(cluster, job, changes.notify));
    const finished = parts === null ? null : await finishedByParts(job, observation, parts);
    if (finished !== null) {
      void endLeftover(cluster, name);
      yield finished;
      return;
    }
    if (giveUp !== null) {
      await giveUpJob(cluster, job, giveUp, snapshot, signal);
      continue;
    }
    if (jobHasEnded(observation)) {
      yield await finalObservation(cluster, job, observation.phase === 'failed', signal);
      return;
    }
    last = observation;
    const text = JSON.stringify(observation);
    if (text !== reported) yield observation;
    reported = text;
    await changes.next();
  }
}

function partsOf({ store, log }: Cluster, job: Job, onFound: () => void): PublishedParts | null {
  const key = stageKeyOf(job);
  if (key === null) return null;
  return new PublishedParts({ stage: stageDir(store, key), count: publishersOf(job), onFound, log });
}

/** The last observation of a Job whose work is in the store as a whole; null while it is not. */
async function finishedByParts(
  job: Job,
  observation: JobObservation,
  parts: PublishedParts,
): Promise<JobObservation | null> {
  parts.isExpected = observation.phase === 'running';
  if (observation.phase === 'pending' || observation.phase === 'stopped') return null;
  const isOver = ({ part, exitCode }: PodState): boolean => exitCode === 0 && parts.isMissing(part);
  if (jobHasEnded(observation) || observation.pods.some(isOver)) await parts.lookAfresh();
  const pods = endByParts(job, observation.pods, parts.found);
  return pods === null ? null : { name: observation.name, phase: 'succeeded', pods, message: null };
}

/**
 * The last observation of a Job, once the ends of its pods are known too. Saves their logs if the Job failed: its
 * result says nothing about it, and its pods may be gone when a person looks. What is worth keeping of a success is in
 * its parts, and its pods are kept for a while.
 */
async function finalObservation(
  cluster: Cluster,
  job: Job,
  isFailed: boolean,
  signal: AbortSignal,
): Promise<JobObservation> {
  const { client, store, settings, log } = cluster;
  if (isFailed) await fetchPods(cluster, job, signal);
  else await waitForPods(cluster, job);
  const { observation, snapshot } = await cluster.statusOf(job);
  if (!isFailed && settings.keepLogs === 'failures') return observation;
  const keeping = saveLogs(client, store, job, snapshot.pods, log);
  // The logs of a successful job block nothing.
  if (isFailed) await Promise.race([keeping, sleep(SAVE_LOGS_MS)]);
  return observation;
}

/** Lists the pods of a failed Job once, because the end of one may not have arrived yet. */
async function fetchPods({ client, cache, log }: Cluster, job: Job, signal: AbortSignal): Promise<void> {
  const labels = `${LABELS.jobName}=${nameOf(job)}`;
  const page = await retryUntilAborted(() => client.list('pods', { labels }, null), signal, log);
  for (const pod of page?.items ?? []) cache.notePod(pod as Pod);
}

async function waitForPods({ cache }: Cluster, job: Job): Promise<void> {
  const deadline = Date.now() + LATE_POD_MS;
  const isAtWork = () => cache.podsOf(job).some(({ pod, gone }) => !gone && !hasEnded(pod));
  while (isAtWork() && Date.now() < deadline) await sleep(20);
}

/** Notes why a Job cannot succeed, and suspends it. Every later observer reads the note. */
async function giveUpJob(
  { client, store, cache, log }: Cluster,
  job: Job,
  why: JobFailure,
  snapshot: JobSnapshot,
  signal: AbortSignal,
): Promise<void> {
  await saveLogs(client, store, job, snapshot.pods, log);
  const annotations = { [ANNOTATIONS.givenUp]: JSON.stringify(why) };
  const change = { annotations, spec: { suspend: true } };
  const changed = await retryUntilAborted(() => client.patchJob(nameOf(job), change), signal, log);
  if (changed === undefined) return;
  // The Job is gone. This avoids further requests before the watch reports that.
  if (changed === null) return cache.noteGone(job);
  log.warn({ job: nameOf(job), failure: why.class, why: why.message }, 'job given up');
  cache.note(changed);
}
