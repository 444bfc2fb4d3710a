import type { Job, KubeEvent, KubeNode } from '../api/objects.ts';
import type { SeenPod } from './seen-pod.ts';

/** All that the status of a Job depends on. */
export interface JobSnapshot {
  readonly job: Job;
  readonly pods: readonly SeenPod[];
  /** Warnings about the Job and, by their uid, its pods; oldest first. */
  readonly jobEvents: readonly KubeEvent[];
  readonly podEvents: ReadonlyMap<string, readonly KubeEvent[]>;
  /** Nodes of its pods that are in trouble, by name, as far as the worker may read them. */
  readonly nodes: ReadonlyMap<string, KubeNode>;
  /** What Kueue says of it; null without Kueue. */
  readonly admission: string | null;
  /** When the snapshot was taken, in ms since the epoch; null while the watches are broken. */
  readonly heardAt: number | null;
  /** The same, for limits: also null shortly after an outage, while the cluster's own parts catch up. Time proves nothing then. */
  readonly now: number | null;
}
