import { LABELS, selectorOf } from '../manifests/labels.ts';
import { type SeenPod, seePod } from '../status/seen-pod.ts';
import type { KubeClient, Selection, Watched } from './client.ts';
import type { KubeError } from './errors.ts';
import { type Job, type KubeEvent, type KubeObject, nameOf, type Pod, timeOf } from './objects.ts';
import { reflect } from './reflector.ts';

/** What is used of a pino logger. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** Events of one object that are kept; the newest say what is the matter. */
const EVENTS_KEPT = 10;
/** Objects of which events are kept, the latest that had one. */
const SUBJECTS_KEPT = 5000;
/** After an outage kubelets and controllers tell late what they did meanwhile: a kubelet does at least every 10 s. *Ours*. */
const SETTLING_MS = 20_000;

export type ClusterView = ReturnType<typeof createClusterView>;

/**
 * All Jobs and pods of one store, and the warnings of its namespace, as they are now: three watches a worker, however many Jobs there are.
 * @param instance - of the store
 */
export function createClusterView(client: Pick<KubeClient, 'list' | 'watch'>, instance: string, log: Log) {
  const jobs = new Map<string, Job>();
  /** By Job, then by uid. Those of a Job that is gone are forgotten. */
  const pods = new Map<string, Map<string, SeenPod>>();
  /** By uid of what they are about. */
  const events = new Map<string, KubeEvent[]>();
  /** Jobs that went away while we looked: asked for once more, they are told as gone. */
  const listeners = new Map<string, Set<() => void>>();
  const live = new Map<Watched, boolean>();
  /** When an outage was over, ms since the epoch. */
  let heardAgainAt = Number.NEGATIVE_INFINITY;
  const isLive = (): boolean => live.get('jobs') === true && live.get('pods') === true;
  const leaving = new AbortController();
  const started = Promise.withResolvers<void>();
  let begun = false;
  let told = '';

  const selection: Selection = { labels: selectorOf(instance) };

  function begin(): void {
    if (begun) return;
    begun = true;
    void watch('jobs', selection, onJob);
    void watch('pods', selection, onPod);
    // Events have no labels of ours. What is not a warning is in the conditions of its object.
    void watch('events', { fields: 'type=Warning' }, onEvent);
  }

  async function watch(
    what: Watched,
    selected: Selection,
    onChange: (object: KubeObject, change: 'there' | 'gone') => void,
  ): Promise<void> {
    await reflect({
      source: {
        list: (next) => client.list(what, selected, next),
        watch: (version, signal) => client.watch(what, selected, version, signal),
      },
      onChange,
      onLive: (is) => {
        const isBack = is && live.get(what) === false;
        if (isBack) log.info({ watch: what }, 'the cluster answers again');
        if (isBack && what !== 'events') heardAgainAt = Date.now();
        live.set(what, is);
        if (is && told !== '') told = '';
        if (isLive()) started.resolve();
      },
      onTrouble: (error) => tellTrouble(what, error),
      signal: leaving.signal,
    });
  }

  function tellTrouble(what: Watched, { message }: KubeError): void {
    if (told === message) return;
    told = message;
    log.warn({ watch: what, error: message }, 'the cluster cannot be watched; nothing is concluded until it can');
  }

  function wake(job: string): void {
    for (const listener of listeners.get(job) ?? []) listener();
  }

  function onJob(object: KubeObject, change: 'there' | 'gone'): void {
    const name = nameOf(object);
    if (change === 'there') {
      const before = jobs.get(name);
      if (before !== undefined && before.metadata?.uid === object.metadata?.uid && isOlder(object, before)) return;
      jobs.set(name, object as Job);
    } else {
      // Another of the same name may stand already.
      if (jobs.get(name)?.metadata?.uid === object.metadata?.uid) jobs.delete(name);
      if (!jobs.has(name)) pods.delete(name);
    }
    wake(name);
  }

  function onPod(object: KubeObject, change: 'there' | 'gone'): void {
    const pod = object as Pod;
    const job = pod.metadata?.labels?.[LABELS.jobName];
    const uid = pod.metadata?.uid;
    if (job === undefined || uid === undefined) return;
    const ofJob = pods.get(job) ?? new Map<string, SeenPod>();
    pods.set(job, ofJob);
    ofJob.set(uid, seePod(ofJob.get(uid), pod, change === 'gone'));
    wake(job);
  }

  function onEvent(object: KubeObject, change: 'there' | 'gone'): void {
    const event = object as KubeEvent;
    const uid = event.involvedObject?.uid;
    if (uid === undefined || change === 'gone') return;
    const others = (events.get(uid) ?? []).filter((one) => one.metadata?.uid !== event.metadata?.uid);
    events.delete(uid);
    events.set(uid, [...others, event].slice(-EVENTS_KEPT));
    for (const oldest of events.keys()) {
      if (events.size <= SUBJECTS_KEPT) break;
      events.delete(oldest);
    }
    const { kind, name = '' } = event.involvedObject ?? {};
    wake(kind === 'Job' ? name : jobOfPod(uid));
  }

  function jobOfPod(uid: string): string {
    for (const [job, ofJob] of pods) if (ofJob.has(uid)) return job;
    return '';
  }

  return {
    /** Resolves once Jobs and pods have been listed. Rejects with the reason of `signal`. */
    async ready(signal?: AbortSignal): Promise<void> {
      begin();
      if (signal === undefined) return await started.promise;
      const { promise, reject } = Promise.withResolvers<never>();
      const stop = (): void => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      try {
        await Promise.race([started.promise, promise]);
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },

    /** Whether Jobs and pods are as they are told here. */
    isLive,

    /** Whether that has been so for long enough for the cluster's own parts to have told it everything. */
    isSettled: (): boolean => isLive() && Date.now() - heardAgainAt >= SETTLING_MS,

    jobs: (): readonly Job[] => [...jobs.values()],
    job: (name: string): Job | null => jobs.get(name) ?? null,
    podsOf: (job: Job): SeenPod[] =>
      [...(pods.get(nameOf(job))?.values() ?? [])].filter(({ pod }) =>
        (pod.metadata?.ownerReferences ?? []).some(({ uid }) => uid === job.metadata?.uid),
      ),
    /** Warnings about one object, oldest first. */
    eventsOf: (object: KubeObject): KubeEvent[] =>
      (events.get(object.metadata?.uid ?? '') ?? []).toSorted((a, b) => eventTime(a) - eventTime(b)),

    /** What somebody else was told first: a Job that was just created. */
    note: (job: Job): void => onJob(job, 'there'),
    /** As {@link note}, of a Job that was not there any more. */
    noteGone: (job: Job): void => onJob(job, 'gone'),
    notePod: (pod: Pod): void => onPod(pod, 'there'),

    /** Calls `listener` after every change of a Job, its pods and its warnings. @returns ends it */
    listen(job: string, listener: () => void): () => void {
      const ofJob = listeners.get(job) ?? new Set();
      listeners.set(job, ofJob.add(listener));
      return () => {
        ofJob.delete(listener);
        if (ofJob.size === 0) listeners.delete(job);
      };
    },

    close: (): void => leaving.abort(),
  };
}

/** Versions grow; those of one resource may be compared as numbers (KEP-5504). */
const isOlder = (a: KubeObject, b: KubeObject): boolean =>
  BigInt(a.metadata?.resourceVersion ?? 0) < BigInt(b.metadata?.resourceVersion ?? 0);

export const eventTime = ({ lastTimestamp, eventTime, firstTimestamp, metadata }: KubeEvent): number =>
  timeOf(lastTimestamp ?? eventTime ?? firstTimestamp ?? metadata?.creationTimestamp) ?? 0;
