import { type Executor, type JobObservation, type JobSummary, jobHasEnded } from '../executor/index.ts';
import type { KubernetesSettings } from '../spec/index.ts';
import { createKubeClient, type KubeClient } from './api/client.ts';
import type { Log } from './api/log.ts';
import { annotationOf, type Job, nameOf } from './api/objects.ts';
import { createShortage } from './capacity/shortage.ts';
import { type Cluster, LazyCluster } from './cluster.ts';
import { isEnding } from './leftover.ts';
import { diagnose } from './logs/diagnose.ts';
import { formatLogs } from './logs/logs.ts';
import { ANNOTATIONS, LABELS } from './manifests/labels.ts';
import { kubernetesOutcome } from './status/outcome.ts';
import { noteStopped } from './status/store-notes.ts';
import { removeJob, suspendJob } from './stop.ts';
import { submitJob } from './submit.ts';
import { watchJob } from './watch.ts';

export interface KubernetesExecutorOptions {
  readonly settings: KubernetesSettings;
  /** Folder of the store, as this worker sees it. */
  readonly store: string;
  readonly log: Log;
  /** For tests and benchmarks; by default made from the kubeconfig. */
  readonly client?: KubeClient;
}

/** Disposing it closes its watches, and the connections of a client that it made itself. */
export interface KubernetesExecutor extends Executor, Disposable {
  readonly client: KubeClient;
}

/**
 * The executor for a cluster. One Job is one attempt. Its record is the Job itself, found by its derived name, so that
 * any worker adopts it. What must outlive the Job lies in the store (store-notes.ts). An unreachable API server is
 * never evidence that a job failed.
 */
export function createKubernetesExecutor({
  settings,
  store,
  log,
  client: given,
}: KubernetesExecutorOptions): KubernetesExecutor {
  const client = given ?? createKubeClient(settings.namespace, settings.context);
  const cluster = new LazyCluster({ client, settings, store, log });
  return {
    client,
    submit: async (request) => await submitJob(await cluster.open(), request),
    observe: async (name) => await observeJob(await cluster.open(), name),
    watch: (name, signal) => watchOpened(cluster, name, signal),
    async suspend(name) {
      // The note comes first, so that a late start on any worker finds it.
      const askedAt = await noteStopped(store, name);
      await suspendJob(await cluster.open(), name, askedAt);
    },
    async stop(name) {
      await noteStopped(store, name);
      await removeJob(await cluster.open(), name);
    },
    list: async () => await listJobs(await cluster.open()),
    async logs(name, limits) {
      const opened = await cluster.open();
      const job = await opened.find(name);
      return await formatLogs(client, job === null ? [] : opened.cache.podsOf(job), limits);
    },
    async diagnose(name) {
      try {
        const opened = await cluster.open();
        const job = await opened.find(name);
        if (job === null) return { 'job.txt': 'there is no Job of this name\n' };
        const { snapshot, observation } = await opened.statusOf(job);
        return await diagnose(client, snapshot, observation, settings.programs.python);
      } catch (error) {
        return { 'job.txt': `not available: ${(error as Error).message}\n` };
      }
    },
    outcome: kubernetesOutcome,
    // A cluster may grow, so a job that does not fit now is a matter of capacity.
    refuse: () => null,
    capacity: createShortage(client, settings, log, async (pod) => isEnding(await cluster.open(), pod)),
    [Symbol.dispose]() {
      cluster[Symbol.dispose]();
      if (given === undefined) void client[Symbol.asyncDispose]();
    },
  };
}

async function observeJob(cluster: Cluster, name: string): Promise<JobObservation | null> {
  const job = await cluster.find(name);
  return job === null ? null : (await cluster.statusOf(job)).observation;
}

async function* watchOpened(cluster: LazyCluster, name: string, signal: AbortSignal): AsyncGenerator<JobObservation> {
  yield* watchJob(await cluster.open(), name, signal);
}

async function listJobs(cluster: Cluster): Promise<JobSummary[]> {
  await cluster.cache.ready();
  const summaries = cluster.cache.jobs().map(async (job) => {
    const { observation } = await cluster.statusOf(job);
    const isOver = jobHasEnded(observation) || !(await isEnding(cluster, job));
    return summaryOf(job, isOver ? observation.phase : 'succeeded');
  });
  return await Promise.all(summaries);
}

/** The record of a job, read from its Job. Pure. */
function summaryOf(job: Job, phase: JobObservation['phase']): JobSummary {
  const text = (name: string): string => annotationOf(job, name) ?? '';
  return {
    name: nameOf(job),
    campaign: text(ANNOTATIONS.campaign),
    stage: text(ANNOTATIONS.stage),
    key: text(ANNOTATIONS.key),
    attempt: Number(job.metadata?.labels?.[LABELS.attempt]),
    ownerRun: text(ANNOTATIONS.ownerRun),
    phase,
    submittedAt: job.metadata?.creationTimestamp ?? new Date().toISOString(),
  };
}
