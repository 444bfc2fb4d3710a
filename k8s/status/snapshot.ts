import type { KubeClient } from '../api/client.ts';
import { isRefusal } from '../api/errors.ts';
import { falseCondition, type Job, type KubeNode, timeOf, trueCondition } from '../api/objects.ts';
import type { ClusterView, Log } from '../api/watch-cache.ts';
import { LABELS } from '../manifests/labels.ts';
import type { Seen } from './outcome.ts';
import { hasEnded, mainStatus } from './pod-state.ts';
import type { SeenPod } from './seen-pod.ts';

/** What was asked of the API server beside the watches is believed for so long. */
const BELIEVED_MS = 5000;
const ADMISSION_MS = 10_000;
const REFUSED_MS = 600_000;

/** Gathers what {@link Seen} has: from the watches, and where a pod is in trouble or a Job waits in a queue, by asking. */
export function createLook(client: Pick<KubeClient, 'getNode' | 'listCustom'>, view: ClusterView, log: Log) {
  const nodes = new Map<string, { node: KubeNode | null; at: number }>();
  const admissions = new Map<string, { words: string | null; at: number }>();

  /** Not again for a while, where the worker may not look at machines. */
  let refusedUntil = 0;

  async function nodeOf(name: string): Promise<KubeNode | null> {
    if (Date.now() < refusedUntil) return null;
    const known = nodes.get(name);
    if (known !== undefined && Date.now() - known.at < BELIEVED_MS) return known.node;
    const node = await client.getNode(name).catch((error: Error) => {
      if (isRefusal(error)) refusedUntil = Date.now() + REFUSED_MS;
      else log.warn({ node: name, error: error.message }, 'a machine cannot be looked at');
      return null;
    });
    nodes.set(name, { node, at: Date.now() });
    return node;
  }

  /** What Kueue says of a Job that it holds back: the conditions of its Workload. */
  async function admissionOf(job: Job): Promise<string | null> {
    const uid = job.metadata?.uid ?? '';
    if (job.metadata?.labels?.[LABELS.queue] === undefined || job.spec?.suspend !== true) return null;
    const known = admissions.get(uid);
    if (known !== undefined && Date.now() - known.at < ADMISSION_MS) return known.words;
    const workloads = await client
      .listCustom('kueue.x-k8s.io', 'v1beta1', 'workloads', `kueue.x-k8s.io/job-uid=${uid}`)
      .catch(() => []);
    const words = admissionInWords(workloads[0]);
    admissions.set(uid, { words, at: Date.now() });
    return words;
  }

  return async (job: Job): Promise<Seen> => {
    const pods = view.podsOf(job);
    const names = new Set(pods.filter(isInDoubt).flatMap(({ pod }) => pod.spec?.nodeName ?? []));
    const found = await Promise.all([...names].map(async (name) => [name, await nodeOf(name)] as const));
    return {
      job,
      pods,
      jobEvents: view.eventsOf(job),
      podEvents: new Map(pods.map(({ pod }) => [pod.metadata?.uid ?? '', view.eventsOf(pod)])),
      nodes: new Map(found.flatMap(([name, node]) => (node === null ? [] : [[name, node] as const]))),
      admission: await admissionOf(job),
      heardAt: view.isLive() ? Date.now() : null,
      now: view.isSettled() ? Date.now() : null,
    };
  };
}

/** Pods that were taken away, that should be gone, or that run and are not ready: their machine tells why. */
function isInDoubt({ pod, gone }: SeenPod): boolean {
  if (trueCondition(pod.status?.conditions, 'DisruptionTarget') !== undefined) return true;
  if (gone || hasEnded(pod)) return false;
  const unready = falseCondition(pod.status?.conditions, 'Ready') !== undefined;
  return timeOf(pod.metadata?.deletionTimestamp) !== null || (unready && mainStatus(pod)?.state?.running !== undefined);
}

/** Why Kueue has not admitted a workload, in its own words. Pure. @param workload - of any version: only conditions are read */
export function admissionInWords(workload: unknown): string | null {
  const { status } = (workload ?? {}) as {
    status?: { conditions?: { type: string; status: string; message?: string }[] };
  };
  const conditions = status?.conditions ?? [];
  const held = ['Evicted', 'QuotaReserved', 'Admitted'].map((type) => conditions.find((one) => one.type === type));
  const telling = held.find((one) => one !== undefined && (one.type === 'Evicted') === (one.status === 'True'));
  return telling?.message ?? null;
}
