import { type Job, trueCondition } from '../api/objects.ts';
import type { JobSnapshot } from './job-snapshot.ts';
import { hasEnded } from './pod-state.ts';
import { type Limits, podTrouble } from './pod-trouble.ts';
import type { SeenPod } from './seen-pod.ts';

const isLeft = ({ pod, gone }: SeenPod): boolean => !gone && !hasEnded(pod);

export const isPast = (time: number | null, now: number | null): boolean =>
  time !== null && now !== null && time <= now;

/**
 * Whether nothing of the Job runs any more. Pure. The Job controller must have confirmed the stop. A pod on a silent
 * node is not awaited after its limit: fences make its late writes harmless.
 */
export function isAtRest({ job, pods, nodes, now }: JobSnapshot, limits: Limits): boolean {
  const { conditions, active = 0, terminating = 0 } = job.status ?? {};
  const isConfirmed = ['Suspended', 'Failed', 'FailureTarget'].some(
    (type) => trueCondition(conditions, type) !== undefined,
  );
  const left = pods.filter(isLeft);
  const lost = left.filter(({ pod }) => {
    const trouble = podTrouble(pod, [], nodes.get(pod.spec?.nodeName ?? '') ?? null, limits);
    return trouble?.class === 'NodeFailure' && isPast(trouble.giveUpAt, now);
  });
  return isConfirmed && left.length === lost.length && active + terminating <= lost.length;
}

/**
 * Whether only pods on silent nodes keep a Job that is being removed. It disappears when the node is removed, or comes
 * back. Pure.
 */
export function onlyLostPodsAreLeft(snapshot: JobSnapshot, limits: Limits): boolean {
  return snapshot.pods.some(isLeft) && isAtRest({ ...snapshot, job: asStopped(snapshot.job) }, limits);
}

/** The Job as if the Job controller had confirmed its stop. */
const asStopped = (job: Job): Job => ({
  ...job,
  status: { ...job.status, conditions: [{ type: 'Suspended', status: 'True' }] },
});
