import { PassThrough } from 'node:stream';
import {
  BatchV1Api,
  CoreV1Api,
  CustomObjectsApi,
  createConfiguration,
  Exec,
  KubeConfig,
  Log as PodLog,
  type RequestContext,
  ServerConfiguration,
  type V1Job,
  type V1Service,
  Watch,
} from '@kubernetes/client-node';
import { hasStatus, KubeError, kubeError } from './errors.ts';
import { type Job, type KubeNode, type KubeObject, nameOf, type Pod, type Service, wire } from './objects.ts';

/** What is watched, and where it lies in the API. */
export const WATCHED = {
  jobs: '/apis/batch/v1',
  pods: '/api/v1',
  events: '/api/v1',
} as const;
export type Watched = keyof typeof WATCHED;

export interface Page {
  readonly items: KubeObject[];
  readonly resourceVersion: string;
  /** Token of the next page; null after the last. */
  readonly next: string | null;
}

/** `OPEN` is ours: the server has taken the watch, and tells what happens from now on. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubeObject }
  | { readonly type: 'OPEN' };

export interface Selection {
  readonly labels?: string;
  readonly fields?: string;
}

/** A request that takes longer is taken for lost. */
const REQUEST_MS = 30_000;
/** Bookmarks come every minute: a watch that is silent for longer is dead, whatever TCP says. */
const WATCH_SILENCE_MS = 120_000;
/**
 * A watch is closed by the server after so long, and opened again; a little different for each, so that they do not all come at once. Of events the
 * API server keeps no watch cache, and so sends no bookmarks: their watch ends before its silence could be taken for death.
 */
const WATCH_SECONDS: Readonly<Record<Watched, { readonly least: number; readonly spread: number }>> = {
  jobs: { least: 240, spread: 120 },
  pods: { least: 240, spread: 120 },
  events: { least: 80, spread: 30 },
};
const PAGE = 500;

export type KubeClient = ReturnType<typeof createKubeClient>;

/**
 * The only place that meets the client library. Absence is null; everything else that goes wrong is a {@link KubeError}.
 * @param context - of the kubeconfig (`KUBECONFIG`, `~/.kube/config`, else the service account of this pod); the current one when not given
 */
export function createKubeClient(namespace: string, context?: string) {
  const config = new KubeConfig();
  config.loadFromDefault();
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new KubeError(
      'read the kubeconfig',
      { status: 0, words: `there is no context ${context}`, retryAfterSeconds: null },
      null,
    );
  }
  /** Requests so far, by verb and resource: `POST jobs`. For benchmarks. */
  const requests = new Map<string, number>();
  const count = (verb: string): void => void requests.set(verb, (requests.get(verb) ?? 0) + 1);
  /** Watches that are open, and the most that were at a time. For benchmarks. */
  const watches = { now: 0, most: 0 };

  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(cluster.server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: async (request: RequestContext) => {
          count(`${request.getHttpMethod()} ${resourceOf(request.getUrl())}`);
          request.setHeaderParam('User-Agent', 'orrery');
          request.setSignal(AbortSignal.timeout(REQUEST_MS));
          return request;
        },
        post: async (response) => response,
      },
    ],
  });
  const batch = new BatchV1Api(configuration);
  const core = new CoreV1Api(configuration);
  const custom = new CustomObjectsApi(configuration);

  async function asked<T>(operation: string, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw kubeError(operation, error);
    }
  }

  /** Null where there is none. */
  async function orNull<T>(operation: string, request: () => Promise<T>): Promise<T | null> {
    try {
      return await asked(operation, request);
    } catch (error) {
      if (hasStatus(error, 404)) return null;
      throw error;
    }
  }

  return {
    namespace,
    requests,
    watches,

    getJob: async (name: string): Promise<Job | null> => {
      const job = await orNull(`get Job ${name}`, () => batch.readNamespacedJob({ namespace, name }));
      return job === null ? null : wire(job);
    },

    /** Null when one of this name stands. */
    createJob: async (job: Job): Promise<Job | null> => {
      const body = job as unknown as V1Job;
      try {
        return wire(await asked(`create Job ${nameOf(job)}`, () => batch.createNamespacedJob({ namespace, body })));
      } catch (error) {
        if (hasStatus(error, 409)) return null;
        throw error;
      }
    },

    /** Sets annotations and `spec` fields of a Job. Null when it is gone. */
    patchJob: async (
      name: string,
      { annotations, spec }: { annotations: Readonly<Record<string, string>>; spec: { readonly suspend: boolean } },
    ): Promise<Job | null> => {
      const set = (path: string, value: unknown) => ({ op: 'add', path, value });
      const body = [
        ...Object.entries(annotations).map(([key, value]) =>
          set(`/metadata/annotations/${key.replaceAll('/', '~1')}`, value),
        ),
        ...Object.entries(spec).map(([key, value]) => set(`/spec/${key}`, value)),
      ];
      const job = await orNull(`change Job ${name}`, () => batch.patchNamespacedJob({ namespace, name, body }));
      return job === null ? null : wire(job);
    },

    /** Removes the Job once its pods and its Service are gone. */
    deleteJob: async (name: string): Promise<void> => {
      await orNull(`delete Job ${name}`, () =>
        batch.deleteNamespacedJob({ namespace, name, body: { propagationPolicy: 'Foreground' } }),
      );
    },

    /** One of this name that stands is left as it is. */
    createService: async (service: Service): Promise<void> => {
      const body = service as unknown as V1Service;
      await asked(`create Service ${nameOf(service)}`, () => core.createNamespacedService({ namespace, body })).catch(
        (error: unknown) => {
          if (!hasStatus(error, 409)) throw error;
        },
      );
    },

    getNode: async (name: string): Promise<KubeNode | null> => {
      const node = await orNull(`get Node ${name}`, () => core.readNode({ name }));
      return node === null ? null : wire(node);
    },

    /** All machines; null where the worker may not look at them. */
    listNodes: async (): Promise<KubeNode[] | null> => {
      try {
        // As the API server's cache has them: a moment old, and asked of etcd by nobody.
        return wire((await asked('list Nodes', () => core.listNode({ resourceVersion: '0' }))).items) as KubeNode[];
      } catch (error) {
        if (hasStatus(error, 403)) return null;
        throw error;
      }
    },

    /** Pods of all namespaces that hold something of a machine, as the API server's cache has them; null where the worker may not look at them. */
    listPodsOnNodes: async (): Promise<Pod[] | null> => {
      const fieldSelector = 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed';
      try {
        return wire(
          (
            await asked('list Pods of all namespaces', () =>
              core.listPodForAllNamespaces({ fieldSelector, resourceVersion: '0' }),
            )
          ).items,
        ) as Pod[];
      } catch (error) {
        if (hasStatus(error, 403)) return null;
        throw error;
      }
    },

    /** Creates what is no resource of Kubernetes itself, or not of its stable API; false where the cluster does not serve it. */
    createCustom: async (group: string, version: string, plural: string, body: object): Promise<boolean> => {
      const made = await orNull(`create ${plural}`, () =>
        custom.createNamespacedCustomObject({ group, version, plural, namespace, body }).catch((error: unknown) => {
          if (hasStatus(kubeError('', error), 409)) return {};
          throw error;
        }),
      );
      return made !== null;
    },

    /** Of a resource that the cluster may not serve, or the worker not read: none then. */
    listCustom: async (group: string, version: string, plural: string, labelSelector: string): Promise<unknown[]> => {
      try {
        const list = await asked(`list ${plural}`, () =>
          custom.listNamespacedCustomObject({ group, version, plural, namespace, labelSelector }),
        );
        return (list as { items?: unknown[] }).items ?? [];
      } catch (error) {
        if (hasStatus(error, 404) || hasStatus(error, 403)) return [];
        throw error;
      }
    },

    /** One page of what is selected. */
    list: async (what: Watched, { labels, fields }: Selection, next: string | null): Promise<Page> => {
      const query = {
        namespace,
        limit: PAGE,
        ...(labels === undefined ? {} : { labelSelector: labels }),
        ...(fields === undefined ? {} : { fieldSelector: fields }),
        ...(next === null ? {} : { _continue: next }),
      };
      const page = await asked(`list ${what}`, async () => {
        if (what === 'jobs') return await batch.listNamespacedJob(query);
        return what === 'pods' ? await core.listNamespacedPod(query) : await core.listNamespacedEvent(query);
      });
      const { resourceVersion = '', _continue } = page.metadata ?? {};
      return { items: wire(page.items) as KubeObject[], resourceVersion, next: _continue || null };
    },

    /** Changes from `resourceVersion` on, until the server closes the watch. @throws KubeError 410 when it does not know that version any more */
    watch: async function* (
      what: Watched,
      { labels, fields }: Selection,
      resourceVersion: string,
      signal: AbortSignal,
    ): AsyncGenerator<WatchEvent> {
      count(`WATCH ${what}`);
      watches.now += 1;
      watches.most = Math.max(watches.most, watches.now);
      const query = {
        resourceVersion,
        allowWatchBookmarks: true,
        timeoutSeconds: WATCH_SECONDS[what].least + Math.floor(Math.random() * WATCH_SECONDS[what].spread),
        ...(labels === undefined ? {} : { labelSelector: labels }),
        ...(fields === undefined ? {} : { fieldSelector: fields }),
      };
      try {
        yield* watchEvents(config, `${WATCHED[what]}/namespaces/${namespace}/${what}`, query, what, signal);
      } finally {
        watches.now -= 1;
      }
    },

    /** What a container has printed, at most the last `tailLines`. Null where there is no such pod, or nothing of it is left. */
    podLog: async (
      name: string,
      container: string,
      limits: { tailLines: number; limitBytes: number; previous?: boolean },
    ): Promise<string | null> => {
      try {
        return await orNull(`read the log of ${name}`, () =>
          core.readNamespacedPodLog({ namespace, name, container, ...limits }),
        );
      } catch (error) {
        // 400: the container has not started, or its log is gone.
        if (hasStatus(error, 400)) return null;
        throw error;
      }
    },

    /** What a container prints, from its beginning and live, until it ends or `signal` aborts. */
    followLog: (name: string, container: string, signal: AbortSignal): AsyncIterable<string> =>
      followLog(new PodLog(config), namespace, name, container, signal),

    /** Runs a command in a container. Rejects where that is not granted. */
    exec: async (name: string, container: string, command: string[], timeoutMs: number): Promise<string> =>
      await asked(`exec in ${name}`, () => execIn(new Exec(config), namespace, name, container, command, timeoutMs)),
  };
}

/** `/apis/batch/v1/namespaces/x/jobs/y?...` -> `jobs`; a subresource as `pods/log`. */
function resourceOf(url: string): string {
  const parts = new URL(url).pathname.split('/').filter((part) => part !== '');
  const after = parts.indexOf('namespaces');
  const [resource = '', , ...sub] = after === -1 ? parts.slice(2) : parts.slice(after + 2);
  return [resource, ...sub].join('/');
}

async function* watchEvents(
  config: KubeConfig,
  path: string,
  query: Record<string, unknown>,
  what: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const events: WatchEvent[] = [];
  let failed: unknown = null;
  let ended = false;
  let wake = (): void => {};
  const end = (error: unknown): void => {
    failed ??= error;
    ended = true;
    wake();
  };
  const watch: Watch = Object.assign(new Watch(config), { requestTimeoutMs: WATCH_SILENCE_MS } as object);
  const controller = await watch.watch(
    path,
    query as Record<string, string>,
    (type: string, object: KubeObject & { code?: number; message?: string }) => {
      if (type === 'ERROR') end({ code: object.code ?? 500, body: { message: object.message } });
      else events.push({ type, object } as WatchEvent);
      wake();
    },
    end,
  );
  const stop = (): void => {
    controller.abort();
    end(null);
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    if (!ended) yield { type: 'OPEN' };
    for (;;) {
      for (let event = events.shift(); event !== undefined; event = events.shift()) yield event;
      if (ended) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (ended || events.length > 0) resolve();
      });
    }
  } finally {
    signal.removeEventListener('abort', stop);
    controller.abort();
  }
  if (failed !== null && failed !== undefined && !signal.aborted) throw kubeError(`watch ${what}`, failed);
}

async function* followLog(
  log: PodLog,
  namespace: string,
  name: string,
  container: string,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const stream = new PassThrough();
  const controller = await log.log(namespace, name, container, stream, { follow: true }).catch((error: unknown) => {
    throw kubeError(`follow the log of ${name}`, error);
  });
  const stop = (): void => {
    controller.abort();
    stream.end();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const chunk of stream) yield String(chunk);
  } catch (error) {
    if (!signal.aborted) throw kubeError(`follow the log of ${name}`, error);
  } finally {
    signal.removeEventListener('abort', stop);
    controller.abort();
  }
}

async function execIn(
  exec: Exec,
  namespace: string,
  name: string,
  container: string,
  command: string[],
  timeoutMs: number,
): Promise<string> {
  const output = new PassThrough();
  const chunks: string[] = [];
  output.on('data', (chunk: Buffer) => chunks.push(String(chunk)));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    const socket = await exec.exec(namespace, name, container, command, output, output, null, false, () => resolve());
    socket.on('error', reject);
    await promise;
    socket.close();
    return chunks.join('');
  } finally {
    clearTimeout(timer);
  }
}
