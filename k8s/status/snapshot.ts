import type { KubeClient } from '../api/client.ts';
import { isRefusal } from '../api/errors.ts';
import type { Log } from '../api/log.ts';
import { falseCondition, type Job, type KubeNode, timeOf, trueCondition } from '../api/objects.ts';
import type { WatchCache } from '../api/watch-cache.ts';
import { LABELS } from '../manifests/labels.ts';
import type { JobSnapshot } from './job-snapshot.ts';
import { hasEnded, mainStatus } from './pod-state.ts';
import type { SeenPod } from './seen-pod.ts';

/** How long other answers of the API server than the watches are cached. */
const NODE_MS = 5000;
const ADMISSION_MS = 10_000;
/** How long no node is requested after a refusal. */
const REFUSED_MS = 600_000;

/** Takes snapshots of Jobs from the watches. Sends a request if a pod is in trouble or a Job waits in a queue. */
export class JobSnapshots {
  readonly #client: Pick<KubeClient, 'getNode' | 'listCustom'>;
  readonly #cache: WatchCache;
  readonly #log: Log;
  readonly #nodes = new Map<string, { node: KubeNode | null; at: number }>();
  readonly #admissions = new Map<string, { message: string | null; at: number }>();
  #nodesRefusedUntil = 0;

  constructor(client: Pick<KubeClient, 'getNode' | 'listCustom'>, cache: WatchCache, log: Log) {
    this.#client = client;
    this.#cache = cache;
    this.#log = log;
  }

  async of(job: Job): Promise<JobSnapshot> {
    const cache = this.#cache;
    const pods = cache.podsOf(job);
    const names = new Set(pods.filter(isInDoubt).flatMap(({ pod }) => pod.spec?.nodeName ?? []));
    const found = await Promise.all([...names].map(async (name) => [name, await this.#node(name)] as const));
    return {
      job,
      pods,
      jobEvents: cache.warningsOf(job),
      podEvents: new Map(pods.map(({ pod }) => [pod.metadata?.uid ?? '', cache.warningsOf(pod)])),
      nodes: new Map(found.flatMap(([name, node]) => (node === null ? [] : [[name, node] as const]))),
      admission: await this.#admission(job),
      takenAt: cache.isLive() ? Date.now() : null,
      now: cache.isSettled() ? Date.now() : null,
    };
  }

  async #node(name: string): Promise<KubeNode | null> {
    if (Date.now() < this.#nodesRefusedUntil) return null;
    const known = this.#nodes.get(name);
    if (known !== undefined && Date.now() - known.at < NODE_MS) return known.node;
    const node = await this.#client.getNode(name).catch((error: Error) => {
      if (isRefusal(error)) this.#nodesRefusedUntil = Date.now() + REFUSED_MS;
      else this.#log.warn({ node: name, error: error.message }, 'cannot read a node');
      return null;
    });
    this.#nodes.set(name, { node, at: Date.now() });
    return node;
  }

  /** The reason why Kueue holds a Job back, from the conditions of its Workload. */
  async #admission(job: Job): Promise<string | null> {
    const uid = job.metadata?.uid ?? '';
    if (job.metadata?.labels?.[LABELS.queue] === undefined || job.spec?.suspend !== true) return null;
    const known = this.#admissions.get(uid);
    if (known !== undefined && Date.now() - known.at < ADMISSION_MS) return known.message;
    const workloads = await this.#client
      .listCustom('kueue.x-k8s.io', 'v1beta1', 'workloads', `kueue.x-k8s.io/job-uid=${uid}`)
      .catch(() => []);
    const message = describeAdmission(workloads[0]);
    this.#admissions.set(uid, { message, at: Date.now() });
    return message;
  }
}

/**
 * Whether the node of a pod may explain its state: the pod was disrupted, should be gone, or runs without being ready.
 */
function isInDoubt({ pod, gone }: SeenPod): boolean {
  if (trueCondition(pod.status?.conditions, 'DisruptionTarget') !== undefined) return true;
  if (gone || hasEnded(pod)) return false;
  const unready = falseCondition(pod.status?.conditions, 'Ready') !== undefined;
  return timeOf(pod.metadata?.deletionTimestamp) !== null || (unready && mainStatus(pod)?.state?.running !== undefined);
}

/**
 * Why Kueue has not admitted a workload, as Kueue says it. Pure. @param workload - of any version: only conditions are
 * read
 */
export function describeAdmission(workload: unknown): string | null {
  const { status } = (workload ?? {}) as {
    status?: { conditions?: { type: string; status: string; message?: string }[] };
  };
  const conditions = status?.conditions ?? [];
  const ordered = ['Evicted', 'QuotaReserved', 'Admitted'].map((type) => conditions.find((one) => one.type === type));
  const reason = ordered.find((one) => one !== undefined && (one.type === 'Evicted') === (one.status === 'True'));
  return reason?.message ?? null;
}
