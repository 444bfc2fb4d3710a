import type { KubernetesSettings } from '../spec/index.ts';
import { storeId } from '../store/index.ts';
import type { KubeClient } from './api/client.ts';
import type { Log } from './api/log.ts';
import type { Job } from './api/objects.ts';
import { WatchCache } from './api/watch-cache.ts';
import { JobChanges } from './job-changes.ts';
import type { JobSnapshot } from './status/job-snapshot.ts';
import { type JobStatus, jobStatus } from './status/job-status.ts';
import { JobSnapshots } from './status/snapshot.ts';

/** The dependencies of the executor. */
export interface ClusterParts {
  readonly client: KubeClient;
  readonly settings: KubernetesSettings;
  /** Folder of the store, as this worker sees it. */
  readonly store: string;
  readonly log: Log;
}

/** The Jobs of one store in a namespace of a cluster, as the watches report them. */
export class Cluster implements ClusterParts {
  readonly client: KubeClient;
  readonly settings: KubernetesSettings;
  readonly store: string;
  readonly log: Log;
  /** Id of the store. It is a label of all its objects. */
  readonly instance: string;
  readonly cache: WatchCache;
  readonly #closing = new AbortController();
  readonly #snapshots: JobSnapshots;

  constructor({ client, settings, store, log }: ClusterParts, instance: string) {
    this.client = client;
    this.settings = settings;
    this.store = store;
    this.log = log;
    this.instance = instance;
    this.cache = new WatchCache(client, instance, log);
    this.#snapshots = new JobSnapshots(client, this.cache, log);
  }

  /** The Job from the watch cache, otherwise from the API server; null if there is none. */
  async find(name: string): Promise<Job | null> {
    await this.cache.ready();
    const known = this.cache.job(name);
    if (known !== null) return known;
    const job = await this.client.getJob(name);
    if (job !== null) this.cache.note(job);
    return job;
  }

  /** The status of a Job by the watch cache. */
  async statusOf(job: Job): Promise<JobStatus & { readonly snapshot: JobSnapshot }> {
    const snapshot = await this.#snapshots.of(job);
    return { ...jobStatus(snapshot, this.settings.limits), snapshot };
  }

  /** Calls `done` after every change of a Job, and returns when it answers true. */
  async until(name: string, done: () => Promise<boolean>): Promise<void> {
    using changes = new JobChanges(this.cache, name);
    while (!(await done())) await changes.next();
  }

  /** Aborts when the cluster is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  close(): void {
    this.#closing.abort();
    this.cache.close();
  }
}

/**
 * Opens the cluster at first use, because the instance is named in the store, and a worker may start while its store is
 * unreachable. After a failure the next call tries again.
 */
export class LazyCluster implements Disposable {
  readonly #parts: ClusterParts;
  #opened: Promise<Cluster> | null = null;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
  }

  open(): Promise<Cluster> {
    this.#opened ??= storeId(this.#parts.store).then((instance) => new Cluster(this.#parts, instance));
    this.#opened.catch(() => {
      this.#opened = null;
    });
    return this.#opened;
  }

  [Symbol.dispose](): void {
    void this.#opened?.then((cluster) => cluster.close());
  }
}
