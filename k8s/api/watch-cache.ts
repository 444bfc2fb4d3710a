import { addAbortListener } from 'node:events';
import { LABELS, selectorOf } from '../manifests/labels.ts';
import { type SeenPod, seePod } from '../status/seen-pod.ts';
import type { KubeClient } from './client.ts';
import { ConnectionState } from './connection-state.ts';
import type { Selection, Watched } from './lists.ts';
import type { Log } from './log.ts';
import { type Job, type KubeEvent, type KubeObject, nameOf, type Pod } from './objects.ts';
import { reflect } from './reflector.ts';
import { Warnings } from './warnings.ts';

type Change = 'there' | 'gone';

/**
 * The current Jobs and pods of one store, and the warnings of its namespace. A worker has three watches, however many
 * Jobs there are.
 */
export class WatchCache {
  readonly #client: Pick<KubeClient, 'list' | 'watch'>;
  readonly #instance: string;
  readonly #connection: ConnectionState;
  readonly #jobs = new Map<string, Job>();
  /** By Job, then by uid. Kept until the Job is gone, so that the end of a removed pod stays known. */
  readonly #pods = new Map<string, Map<string, SeenPod>>();
  readonly #warnings = new Warnings();
  /** By Job. */
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #closing = new AbortController();
  #isStarted = false;

  /** @param instance - name of the store */
  constructor(client: Pick<KubeClient, 'list' | 'watch'>, instance: string, log: Log) {
    this.#client = client;
    this.#instance = instance;
    this.#connection = new ConnectionState(log);
  }

  /** Starts the watches, and resolves once Jobs and pods have been listed. Rejects with the reason of `signal`. */
  async ready(signal?: AbortSignal): Promise<void> {
    this.#start();
    const { started } = this.#connection;
    if (signal === undefined) return await started;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    using _ = addAbortListener(signal, () => reject(signal.reason));
    await Promise.race([started, aborted]);
  }

  isLive(): boolean {
    return this.#connection.isLive();
  }

  isSettled(): boolean {
    return this.#connection.isSettled();
  }

  jobs(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  job(name: string): Job | null {
    return this.#jobs.get(name) ?? null;
  }

  podsOf(job: Job): SeenPod[] {
    const pods = [...(this.#pods.get(nameOf(job))?.values() ?? [])];
    const isOwned = ({ pod }: SeenPod): boolean =>
      (pod.metadata?.ownerReferences ?? []).some(({ uid }) => uid === job.metadata?.uid);
    return pods.filter(isOwned);
  }

  /** Warnings about one object, oldest first. */
  warningsOf(object: KubeObject): KubeEvent[] {
    return this.#warnings.of(object);
  }

  /** Adds a Job that a request returned before the watch did. */
  note(job: Job): void {
    this.#onJob(job, 'there');
  }

  /** Like {@link note}, for a Job that no longer exists. */
  noteGone(job: Job): void {
    this.#onJob(job, 'gone');
  }

  notePod(pod: Pod): void {
    this.#onPod(pod, 'there');
  }

  /** Calls `listener` after every change of a Job, its pods and its warnings. @returns a function that ends it */
  listen(job: string, listener: () => void): () => void {
    const ofJob = this.#listeners.get(job) ?? new Set();
    this.#listeners.set(job, ofJob.add(listener));
    return () => {
      ofJob.delete(listener);
      if (ofJob.size === 0) this.#listeners.delete(job);
    };
  }

  close(): void {
    this.#closing.abort();
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const ours: Selection = { labels: selectorOf(this.#instance) };
    void this.#watch('jobs', ours, (object, change) => this.#onJob(object, change));
    void this.#watch('pods', ours, (object, change) => this.#onPod(object, change));
    // Events do not carry our labels. The conditions of the objects say everything except warnings.
    void this.#watch('events', { fields: 'type=Warning' }, (object, change) => this.#onEvent(object, change));
  }

  async #watch(
    what: Watched,
    selected: Selection,
    onChange: (object: KubeObject, change: Change) => void,
  ): Promise<void> {
    await reflect({
      source: {
        list: (next) => this.#client.list(what, selected, next),
        watch: (version, signal) => this.#client.watch(what, selected, version, signal),
      },
      onChange,
      onLive: (isLive) => this.#connection.setLive(what, isLive),
      onTrouble: (error) => this.#connection.reportTrouble(what, error),
      signal: this.#closing.signal,
    });
  }

  #onJob(object: KubeObject, change: Change): void {
    const name = nameOf(object);
    const known = this.#jobs.get(name);
    const isSame = known?.metadata?.uid === object.metadata?.uid;
    if (change === 'there') {
      if (known !== undefined && isSame && isOlder(object, known)) return;
      this.#jobs.set(name, object as Job);
    } else {
      // Another Job of the same name may exist already.
      if (isSame) this.#jobs.delete(name);
      if (!this.#jobs.has(name)) this.#pods.delete(name);
    }
    this.#wake(name);
  }

  #onPod(object: KubeObject, change: Change): void {
    const pod = object as Pod;
    const job = pod.metadata?.labels?.[LABELS.jobName];
    const uid = pod.metadata?.uid;
    if (job === undefined || uid === undefined) return;
    const ofJob = this.#pods.get(job) ?? new Map<string, SeenPod>();
    this.#pods.set(job, ofJob);
    ofJob.set(uid, seePod(ofJob.get(uid), pod, change === 'gone'));
    this.#wake(job);
  }

  #onEvent(object: KubeObject, change: Change): void {
    const event = object as KubeEvent;
    const { uid, kind, name = '' } = event.involvedObject ?? {};
    if (uid === undefined || change === 'gone') return;
    this.#warnings.note(event);
    this.#wake(kind === 'Job' ? name : this.#jobOfPod(uid));
  }

  #jobOfPod(uid: string): string {
    for (const [job, ofJob] of this.#pods) if (ofJob.has(uid)) return job;
    return '';
  }

  #wake(job: string): void {
    for (const listener of this.#listeners.get(job) ?? []) listener();
  }
}

/** Versions of one resource grow, and may be compared as numbers (KEP-5504). */
const isOlder = (a: KubeObject, b: KubeObject): boolean =>
  BigInt(a.metadata?.resourceVersion ?? 0) < BigInt(b.metadata?.resourceVersion ?? 0);
