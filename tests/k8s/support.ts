import { readdirSync, readFileSync } from 'node:fs';
import { inProject } from '../../config/paths.ts';
import type { JobRequest } from '../../executor/index.ts';
import type { Job, KubeEvent, KubeNode, Pod } from '../../k8s/api/objects.ts';
import type { JobSnapshot } from '../../k8s/status/job-snapshot.ts';
import { seePod } from '../../k8s/status/seen-pod.ts';
import { KubernetesSettings, type KubernetesSettingsInput } from '../../spec/index.ts';

/** Objects of one Job from the real cluster; written by tests/support/cluster/record-outcomes.ts. */
export interface Recorded {
  /** How it was caused. */
  readonly how: string;
  readonly kubernetes: string;
  readonly job: Job | null;
  /** Their last states, also of removed pods. */
  readonly pods: readonly Pod[];
  /** The states of deleted pods when their deletion was first seen. */
  readonly toldToGo?: readonly Pod[];
  /** Names of the removed pods. */
  readonly deletedPods: readonly string[];
  readonly events: readonly KubeEvent[];
  readonly nodes: readonly KubeNode[];
}

const FOLDER = inProject('tests/k8s/recorded');
export const recordings = (): string[] =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.replace('.json', ''));
export const recorded = (name: string): Recorded =>
  JSON.parse(readFileSync(`${FOLDER}/${name}.json`, 'utf8')) as Recorded;

/** The snapshot that an executor would take. @param now - null: the cluster is unreachable */
export function seenOf(
  { job, pods, toldToGo = [], deletedPods, events, nodes }: Recorded,
  now: number | null,
): JobSnapshot {
  if (job === null) throw new Error('the Job is gone');
  const about = (uid: string | undefined): KubeEvent[] =>
    events.filter((event) => event.type === 'Warning' && event.involvedObject?.uid === uid);
  const asked = new Map(toldToGo.map((pod) => [pod.metadata?.uid, seePod(undefined, pod, false)]));
  return {
    job,
    pods: pods.map((pod) => seePod(asked.get(pod.metadata?.uid), pod, deletedPods.includes(pod.metadata?.name ?? ''))),
    jobEvents: about(job.metadata?.uid),
    podEvents: new Map(pods.map(({ metadata }) => [metadata?.uid ?? '', about(metadata?.uid)])),
    nodes: new Map(nodes.map((node) => [node.metadata?.name ?? '', node])),
    admission: null,
    takenAt: now,
    now,
  };
}

/** The settings of a cluster, except those that a test is about. */
export const settings = (changes: Partial<KubernetesSettingsInput> = {}): KubernetesSettings =>
  KubernetesSettings.parse({ image: 'registry.example/orrery:1', store: { claim: 'orrery-store' }, ...changes });

/** A job of one shard on a CPU. */
export const aRequest = (changes: Partial<JobRequest> = {}): JobRequest => ({
  name: 'tiny-search-aaaaaaaa-3c469e-0',
  campaign: 'tiny',
  stage: 'search',
  kind: 'search',
  arm: null,
  key: 'a'.repeat(64),
  attempt: 0,
  parts: 1,
  parallelism: 1,
  gang: false,
  graceSeconds: 120,
  main: { runtime: 'node', args: ['stages/main.ts'] },
  policyServer: null,
  resources: { cpus: 1, gpus: 0 },
  ownerRun: 'run-1',
  excludedNodes: [],
  env: {},
  ...changes,
});
