import type { Job, KubeEvent, KubeNode } from '../api/objects.ts';
import type { SeenPod } from './seen-pod.ts';

/** Everything that the status of a Job depends on. */
export interface JobSnapshot {
  readonly job: Job;
  readonly pods: readonly SeenPod[];
  /** Warnings about the Job and, by their uid, its pods; oldest first. */
  readonly jobEvents: readonly KubeEvent[];
  readonly podEvents: ReadonlyMap<string, readonly KubeEvent[]>;
  /** Nodes of its troubled pods, by name, if the worker may read them. */
  readonly nodes: ReadonlyMap<string, KubeNode>;
  /** The message of Kueue about the Job; null without Kueue. */
  readonly admission: string | null;
  /** When the snapshot was taken, in ms since the epoch; null while the watches are broken. */
  readonly takenAt: number | null;
  /**
   * The same time for limits. Also null shortly after an outage, while kubelets and controllers catch up, because
   * elapsed time proves nothing then.
   */
  readonly now: number | null;
}
