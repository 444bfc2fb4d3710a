import { type Pod, timeOf } from '../api/objects.ts';

/** A pod as it was last seen: how it ended is known after the cluster has removed it. */
export interface SeenPod {
  readonly pod: Pod;
  /** It is there no more. */
  readonly gone: boolean;
  /** When it was asked to go, in ms since the epoch; null where it was not, or nobody watched. */
  readonly deletedAt: number | null;
}

/**
 * A pod as it is seen now, by somebody who may have seen it before. Pure.
 *
 * Its deletion is remembered as it was first told: the timestamp is when the grace is over, and the kubelet sets it anew, after the end, when it
 * removes a pod that was to go. By then it cannot be told from that of a pod which somebody cleaned away after it had ended.
 */
export function seePod(before: SeenPod | undefined, pod: Pod, gone: boolean): SeenPod {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata ?? {};
  const goneBy = timeOf(deletionTimestamp);
  const asked = goneBy === null ? null : goneBy - deletionGracePeriodSeconds * 1000;
  return { pod, gone, deletedAt: before?.deletedAt ?? asked };
}
