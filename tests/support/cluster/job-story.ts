import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchV1Api,
  CoreV1Api,
  type CoreV1Event,
  type V1Job,
  type V1Node,
  type V1Pod,
  Watch,
} from '@kubernetes/client-node';
import { isNotFound } from '../../../dev/cluster/api.ts';
import type { TestNamespace } from './test-namespace.ts';

/**
 * What an executor gets to see of a Job: the objects as they were last seen. A pod that was deleted stays as it last
 * was, for it is the only witness of what happened to it.
 */
export interface JobStory {
  readonly job: V1Job | null;
  readonly pods: readonly V1Pod[];
  /** Of pods that were deleted: as they were when that was first seen. */
  readonly toldToGo: readonly V1Pod[];
  /** Names of pods that are gone by now. */
  readonly deletedPods: readonly string[];
  readonly events: readonly CoreV1Event[];
  readonly nodes: readonly V1Node[];
}

/** Follows the pods and Jobs of a namespace from now on. */
export async function followJobs({ admin, name: namespace }: TestNamespace) {
  const pods = new Map<string, V1Pod>();
  const jobs = new Map<string, V1Job>();
  const toldToGo = new Map<string, V1Pod>();
  const deleted = new Set<string>();
  const leaving = new AbortController();
  const [batch, core] = [admin.makeApiClient(BatchV1Api), admin.makeApiClient(CoreV1Api)];

  const keep = async <T extends V1Pod | V1Job>(path: string, seen: Map<string, T>, going: Map<string, T>) => {
    while (!leaving.signal.aborted) {
      await new Promise<void>((resolve) => {
        new Watch(admin)
          .watch(
            path,
            {},
            (type: string, object: T) => {
              const name = object.metadata?.name ?? '';
              if (type === 'DELETED') deleted.add(name);
              if (type === 'ADDED') deleted.delete(name);
              if (type === 'BOOKMARK' || type === 'ERROR') return;
              seen.set(name, object);
              if (object.metadata?.deletionTimestamp !== undefined && !going.has(name)) going.set(name, object);
            },
            () => resolve(),
          )
          .then((controller) => leaving.signal.addEventListener('abort', () => controller.abort()))
          .catch(() => resolve());
      });
      await sleep(100);
    }
  };
  void keep(`/api/v1/namespaces/${namespace}/pods`, pods, toldToGo);
  void keep(`/apis/batch/v1/namespaces/${namespace}/jobs`, jobs, new Map());

  return {
    pods,
    jobs,
    stop: () => leaving.abort(),
    async story(jobName: string): Promise<JobStory> {
      const own = [...pods.values()].filter(
        ({ metadata }) => metadata?.labels?.['batch.kubernetes.io/job-name'] === jobName,
      );
      const names = new Set([jobName, ...own.map(({ metadata }) => metadata?.name ?? '')]);
      const job = await batch.readNamespacedJob({ name: jobName, namespace }).catch((error: unknown) => {
        if (isNotFound(error)) return null;
        throw error;
      });
      const { items: events } = await core.listNamespacedEvent({ namespace });
      const { items: nodes } = await core.listNode();
      const hosts = new Set(own.map(({ spec }) => spec?.nodeName));
      return {
        job,
        pods: own,
        toldToGo: own.flatMap(({ metadata }) => toldToGo.get(metadata?.name ?? '') ?? []),
        deletedPods: [...names].filter((name) => name !== jobName && deleted.has(name)),
        events: events.filter(({ involvedObject }) => names.has(involvedObject.name ?? '')),
        nodes: nodes.filter(({ metadata }) => hosts.has(metadata?.name)),
      };
    },
  };
}
export type JobFollower = Awaited<ReturnType<typeof followJobs>>;

/** Waits for something to be true. @throws Error that names what was waited for */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await sleep(100);
  }
}
