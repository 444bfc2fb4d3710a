import { type Pod, timeOf } from '../api/objects.ts';

/** The last seen state of a pod, kept after the cluster has removed it. */
export interface SeenPod {
  readonly pod: Pod;
  /** Whether the pod was removed. */
  readonly gone: boolean;
  /** When its deletion was requested, in ms since the epoch; null if it was not, or nobody watched. */
  readonly deletedAt: number | null;
}

/**
 * Merges the current state of a pod with an earlier one. Pure.
 *
 * The time of deletion is kept as first seen. The deletion timestamp is the end of the grace, and the kubelet sets it
 * again when it removes an ended pod. From then on, the pod looks like one that somebody deleted after its end.
 */
export function seePod(before: SeenPod | undefined, pod: Pod, gone: boolean): SeenPod {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata ?? {};
  const goneBy = timeOf(deletionTimestamp);
  const asked = goneBy === null ? null : goneBy - deletionGracePeriodSeconds * 1000;
  return { pod, gone, deletedAt: before?.deletedAt ?? asked };
}
