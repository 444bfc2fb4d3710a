import type { KubeClient } from '../../k8s/api/client.ts';
import type { Job, KubeObject, Pod } from '../../k8s/api/objects.ts';
import type { WatchEvent } from '../../k8s/api/watch.ts';

/**
 * A fake API server that has one Job and its pods, for states that a real one cannot be kept in. The test changes them
 * with `show`.
 */
export class FakeApi {
  readonly client: KubeClient;
  /** Changes of the Job that were requested, and reads of logs. */
  readonly patches: Record<string, unknown>[] = [];
  logsRead = 0;
  readonly #watches = new Map<string, (object: KubeObject) => void>();
  #version = 1;

  job: Job;
  pods: readonly Pod[];

  constructor(job: Job, pods: readonly Pod[]) {
    this.job = job;
    this.pods = pods;
    this.client = {
      namespace: 'orrery',
      list: async (what: string) => {
        const items = what === 'jobs' ? [this.job] : what === 'pods' ? this.pods : [];
        return { items, resourceVersion: String(this.#version), next: null };
      },
      watch: (what: string, _: object, __: string, signal: AbortSignal) => this.#watch(what, signal),
      getJob: async () => this.job,
      getNode: async () => null,
      patchJob: async (_: string, change: { annotations: Record<string, string>; spec: object }) => {
        this.patches.push(change);
        const { metadata, spec } = this.job;
        const annotations = { ...metadata?.annotations, ...change.annotations };
        this.show({ ...this.job, metadata: { ...metadata, annotations }, spec: { ...spec, ...change.spec } } as Job);
        return this.job;
      },
      podLog: async () => {
        this.logsRead += 1;
        return 'its last line\n';
      },
    } as unknown as KubeClient;
  }

  /** Changes the Job, and its pods. */
  show(job: Job, pods: readonly Pod[] = this.pods): void {
    this.#version += 1;
    const resourceVersion = String(BigInt(1e15) + BigInt(this.#version));
    this.job = { ...job, metadata: { ...job.metadata, resourceVersion } } as Job;
    this.pods = pods;
    for (const pod of pods) this.#watches.get('pods')?.(pod);
    this.#watches.get('jobs')?.(this.job);
  }

  async *#watch(what: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const events: KubeObject[] = [];
    let wake = (): void => {};
    this.#watches.set(what, (object) => {
      events.push(object);
      wake();
    });
    yield { type: 'OPEN' };
    while (!signal.aborted) {
      for (let object = events.shift(); object !== undefined; object = events.shift())
        yield { type: 'MODIFIED', object };
      await new Promise<void>((resolve) => {
        wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
        if (events.length > 0) resolve();
      });
    }
  }
}
