import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Executor,
  type JobObservation,
  type JobRequest,
  type JobSummary,
  jobHasEnded,
} from '../executor/index.ts';
import { InvalidInputError, type KubernetesSettings } from '../spec/index.ts';
import { storeId } from '../store/index.ts';
import { createKubeClient, type KubeClient } from './api/client.ts';
import { isRefusal, KubeError } from './api/errors.ts';
import { annotationOf, type Job, nameOf, type Pod } from './api/objects.ts';
import { pauseAfter } from './api/reflector.ts';
import { createClusterView, type Log } from './api/watch-cache.ts';
import { createShortage } from './capacity/shortage.ts';
import { diagnose } from './logs/diagnose.ts';
import { keepLogs, logsForPerson } from './logs/logs.ts';
import { gangObjects } from './manifests/gang.ts';
import { jobManifest } from './manifests/job.ts';
import { ANNOTATIONS, LABELS } from './manifests/labels.ts';
import { excludable } from './manifests/placement.ts';
import { type Judgement, judge, kubernetesOutcome, type Seen } from './status/outcome.ts';
import type { GivenUp } from './status/pod-failure.ts';
import { hasEnded } from './status/pod-state.ts';
import type { SeenPod } from './status/seen-pod.ts';
import { createLook } from './status/snapshot.ts';
import { noteStopped, stoppedSince } from './status/store-notes.ts';

export interface KubernetesExecutorOptions {
  readonly settings: KubernetesSettings;
  /** Folder of the store, as this worker sees it. */
  readonly store: string;
  readonly log: Log;
  /** For tests and benchmarks; made from the kubeconfig when not given. */
  readonly client?: KubeClient;
}

export interface KubernetesExecutor extends Executor, Disposable {
  readonly client: KubeClient;
}

/** Time alone changes what is to be concluded: a limit is over. */
const LOOK_EVERY_MS = 2000;
/** The Job and its pods are watched apart: the last word of a pod may come a moment after that of the Job. */
const LAST_WORD_MS = 1000;

/**
 * The executor for a cluster. One Job is one attempt; its record is the Job itself, found by its derived name, so that any worker adopts it.
 * What is to outlive the Job lies in the store (store-notes.ts). Nothing is concluded while the cluster does not answer.
 */
export function createKubernetesExecutor(options: KubernetesExecutorOptions): KubernetesExecutor {
  const { settings, store, log } = options;
  const client = options.client ?? createKubeClient(settings.namespace, settings.context);
  let opened: Promise<ReturnType<typeof open>> | null = null;

  function open(instance: string) {
    const view = createClusterView(client, instance, log);
    return { instance, view, look: createLook(client, view, log) };
  }
  /** The store says who we are, so that is asked when it is first needed: a store that is away for a moment is no reason not to start. */
  function cluster(): Promise<ReturnType<typeof open>> {
    opened ??= storeId(store).then(open);
    opened.catch(() => {
      opened = null;
    });
    return opened;
  }

  async function submit(request: JobRequest): Promise<void> {
    const { instance, view } = await cluster();
    const stopped = await stoppedSince(store, request.name);
    const wanted = await placeable(request);
    try {
      const made = await client.createJob(jobManifest(wanted, settings, instance, stopped));
      const job = made ?? (await client.getJob(request.name));
      // Somebody removed it between our two questions.
      if (job === null) return await submit(request);
      refuseStranger(job, request);
      view.note(job);
      // Also when it stood already: who created it may have died before this line.
      if (request.gang && stopped === null) await createGangObjects(wanted, instance, job);
      log.info({ job: request.name }, made === null ? 'job adopted' : 'job submitted');
      // Asked to stop while it was created: one of the two sees the other.
      if (stopped === null && (await stoppedSince(store, request.name)) !== null) await suspend(request.name);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const field = `stages.${request.kind}.run`;
      throw new InvalidInputError(`the job of stage ${request.stage}`, [{ field, message: error.message }]);
    }
  }

  /** The request without exclusions that would leave no machine at all, where the worker may look at machines. */
  async function placeable(request: JobRequest): Promise<JobRequest> {
    if (request.excludedNodes.length === 0) return request;
    const nodes = await client.listNodes();
    const excludedNodes = nodes === null ? request.excludedNodes : excludable(request, settings, nodes);
    if (excludedNodes.length < request.excludedNodes.length) {
      const facts = { job: request.name, excludedNodes: request.excludedNodes };
      log.warn(facts, 'exclusion is not kept: no other machine qualifies');
    }
    return { ...request, excludedNodes };
  }

  async function createGangObjects(request: JobRequest, instance: string, job: Job): Promise<void> {
    const { service, podGroup } = gangObjects(request, settings, instance, job.metadata?.uid ?? '');
    await client.createService(service);
    if (podGroup === null) return;
    const served = await client.createCustom(podGroup.group, podGroup.version, podGroup.plural, podGroup.body);
    if (!served)
      log.warn(
        { job: request.name },
        'gangScheduling: pod-group is not served by this cluster; ranks are placed one by one',
      );
  }

  /** Asks until there is an answer, ever more slowly; undefined when `signal` aborts first. A refusal is an answer. */
  async function persistently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof KubeError) || !error.retryable) throw error;
        log.info({ error: error.message, failures }, 'the cluster is asked again');
        await sleep(pauseAfter(error, failures, Math.random()), undefined, { signal }).catch(() => {});
      }
    }
    return undefined;
  }

  /** How the Job stands by what the watches have. */
  async function judged(job: Job): Promise<Judgement & { seen: Seen }> {
    const { look } = await cluster();
    const seen = await look(job);
    return { ...judge(seen, settings.limits), seen };
  }

  /** The Job as the watches have it, else as the API server says; null when there is none. */
  async function find(name: string): Promise<Job | null> {
    const { view } = await cluster();
    await view.ready();
    const known = view.job(name);
    if (known !== null) return known;
    const job = await client.getJob(name);
    if (job !== null) view.note(job);
    return job;
  }

  async function observe(name: string): Promise<JobObservation | null> {
    const job = await find(name);
    return job === null ? null : (await judged(job)).observation;
  }

  async function* watch(name: string, signal: AbortSignal): AsyncGenerator<JobObservation> {
    const { view } = await cluster();
    // Who stops looking is not kept by a cluster that does not answer.
    const isReady = await view.ready(signal).then(
      () => true,
      () => false,
    );
    if (!isReady) return;
    const changes = changesOf(name, view, signal);
    let told = '';
    let last: JobObservation | null = null;
    try {
      while (!signal.aborted) {
        const job = await persistently(() => find(name), signal);
        if (job === undefined) return;
        if (job === null) {
          if (last !== null) yield await ofRemoved(last);
          return;
        }
        const { observation, giveUp, seen } = await judged(job);
        if (giveUp !== null) {
          await giveUpOn(job, giveUp, seen, signal);
          continue;
        }
        if (jobHasEnded(observation)) {
          yield await settled(job, signal);
          return;
        }
        last = observation;
        const telling = JSON.stringify(observation);
        if (telling !== told) yield observation;
        told = telling;
        await changes.next();
      }
    } finally {
      changes.end();
    }
  }

  /** The end of a Job with the last words of its pods; their logs are kept. */
  async function settled(job: Job, signal: AbortSignal): Promise<JobObservation> {
    const { view } = await cluster();
    const failed = (await judged(job)).observation.phase === 'failed';
    if (failed) {
      // A pod's end may be on its way still: it is asked for, once.
      const labels = `${LABELS.jobName}=${nameOf(job)}`;
      const page = await persistently(() => client.list('pods', { labels }, null), signal);
      for (const pod of page?.items ?? []) view.notePod(pod as Pod);
    } else {
      const deadline = Date.now() + LAST_WORD_MS;
      while (view.podsOf(job).some(({ pod, gone }) => !gone && !hasEnded(pod)) && Date.now() < deadline)
        await sleep(20);
    }
    const { observation, seen } = await judged(job);
    const keeping = keepLogs(client, store, job, seen.pods, log);
    // Of what went well they are wanted by nobody at once.
    if (failed) await Promise.race([keeping, sleep(10_000)]);
    return observation;
  }

  /** A Job that was there and is not: it was stopped by us, or removed by others. */
  async function ofRemoved(last: JobObservation): Promise<JobObservation> {
    const ended = {
      ...last,
      pods: last.pods.map((pod) => (pod.phase === 'running' ? { ...pod, phase: 'failed' as const } : pod)),
    };
    if ((await stoppedSince(store, last.name)) !== null) return { ...ended, phase: 'stopped', message: null };
    const message = `somebody else has removed Job ${last.name} of namespace ${settings.namespace}`;
    const failure: GivenUp = { class: 'Crashed', message, exitCode: null, part: null, node: null };
    return { ...ended, phase: 'failed', message, failure };
  }

  /** Notes why nothing will come of the Job, and ends it. Whoever looks at it after reads the note. */
  async function giveUpOn(job: Job, why: GivenUp, seen: Seen, signal: AbortSignal): Promise<void> {
    const { view } = await cluster();
    await keepLogs(client, store, job, seen.pods, log);
    const note = { [ANNOTATIONS.givenUp]: JSON.stringify(why) };
    const change = { annotations: note, spec: { suspend: true } };
    const changed = await persistently(() => client.patchJob(nameOf(job), change), signal);
    if (changed === undefined) return;
    // Gone meanwhile: it is not asked for again before the watch has heard of it.
    if (changed === null) return view.noteGone(job);
    log.warn({ job: nameOf(job), failure: why.class, why: why.message }, 'job is given up');
    view.note(changed);
  }

  async function suspend(name: string): Promise<void> {
    const askedAt = await noteStopped(store, name);
    const { view } = await cluster();
    const job = await client.getJob(name);
    if (job === null) return;
    view.note(job);
    await view.ready();
    const { observation, seen } = await judged(job);
    if (jobHasEnded(observation)) return;
    if (annotationOf(job, ANNOTATIONS.stoppedAt) === null) {
      await keepLogs(client, store, job, seen.pods, log);
      const note = { [ANNOTATIONS.stoppedAt]: askedAt };
      const changed = await client.patchJob(name, { annotations: note, spec: { suspend: true } });
      if (changed !== null) view.note(changed);
    }
    await until(name, async () => {
      const now = await find(name);
      return now === null || jobHasEnded((await judged(now)).observation);
    });
    log.info({ job: name }, 'job suspended');
  }

  async function stop(name: string): Promise<void> {
    await noteStopped(store, name);
    const { view } = await cluster();
    const job = await client.getJob(name);
    if (job === null) return;
    await view.ready();
    await keepLogs(client, store, job, view.podsOf(job), log);
    await client.deleteJob(name);
    const uid = job.metadata?.uid;
    await until(name, async () => {
      const now = await find(name);
      if (now === null || now.metadata?.uid !== uid) return true;
      // A machine that does not answer keeps its pod, and that the Job; it goes when the machine does, or comes back.
      const { seen } = await judged(now);
      return (
        judge({ ...seen, job: asStopped(now) }, settings.limits).observation.phase === 'stopped' &&
        seen.pods.some(isLeft)
      );
    });
    log.info({ job: name }, 'job removed');
  }

  /** Looks after every change of a Job until `done`. */
  async function until(name: string, done: () => Promise<boolean>): Promise<void> {
    const { view } = await cluster();
    const changes = changesOf(name, view, new AbortController().signal);
    try {
      while (!(await done())) await changes.next();
    } finally {
      changes.end();
    }
  }

  async function list(): Promise<JobSummary[]> {
    const { view } = await cluster();
    await view.ready();
    return await Promise.all(
      view.jobs().map(async (job): Promise<JobSummary> => {
        const text = (name: string): string => annotationOf(job, name) ?? '';
        return {
          ...{ name: nameOf(job), campaign: text(ANNOTATIONS.campaign), stage: text(ANNOTATIONS.stage) },
          ...{ key: text(ANNOTATIONS.key), attempt: Number(job.metadata?.labels?.[LABELS.attempt]) },
          ...{ ownerRun: text(ANNOTATIONS.ownerRun), phase: (await judged(job)).observation.phase },
          submittedAt: job.metadata?.creationTimestamp ?? new Date().toISOString(),
        };
      }),
    );
  }

  async function podsNow(name: string): Promise<SeenPod[]> {
    const { view } = await cluster();
    const job = await find(name);
    return job === null ? [] : view.podsOf(job);
  }

  return {
    ...{ client, submit, observe, watch, suspend, stop, list },
    logs: async (name, limits) => await logsForPerson(client, await podsNow(name), limits),
    async diagnose(name) {
      try {
        const job = await find(name);
        if (job === null) return { 'job.txt': 'there is no Job of this name\n' };
        const { seen, observation } = await judged(job);
        return await diagnose(client, seen, observation, settings.programs.python);
      } catch (error) {
        return { 'job.txt': `cannot be had: ${(error as Error).message}\n` };
      }
    },
    outcome: kubernetesOutcome,
    refuse: () => null,
    capacity: createShortage(client, settings, log),
    [Symbol.dispose]: () => void opened?.then(({ view }) => view.close()),
  };
}

const isLeft = ({ pod, gone }: SeenPod): boolean => !gone && !hasEnded(pod);

/** The Job as if its stop had been asked for and seen. */
const asStopped = (job: Job): Job => ({
  ...job,
  metadata: { ...job.metadata, annotations: { ...job.metadata?.annotations, [ANNOTATIONS.stoppedAt]: 'now' } },
  status: { ...job.status, conditions: [{ type: 'Suspended', status: 'True' }] },
});

/** A name says campaign, stage, key and claim; another's Job under it is none of ours. */
function refuseStranger(job: Job, { name, key }: JobRequest): void {
  if (annotationOf(job, ANNOTATIONS.key) === key) return;
  const message = 'expected no Job of this name, but got one that somebody else has created; remove it';
  throw new InvalidInputError(`Job ${name}`, [{ field: 'metadata.name', message }]);
}

/** What happens to one Job, told one after the other; a tick at the latest. */
function changesOf(name: string, view: { listen(job: string, listener: () => void): () => void }, signal: AbortSignal) {
  let changed = false;
  let wake = (): void => {};
  const poke = (): void => {
    changed = true;
    wake();
  };
  const forget = view.listen(name, poke);
  signal.addEventListener('abort', poke, { once: true });
  return {
    async next(): Promise<void> {
      if (!changed && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, LOOK_EVERY_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      changed = false;
    },
    end(): void {
      forget();
      signal.removeEventListener('abort', poke);
    },
  };
}
