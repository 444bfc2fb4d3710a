import type { JobObservation } from '../../executor/index.ts';
import { Failure, failureOfExitCode } from '../../spec/index.ts';
import { annotationOf, type Job } from '../api/objects.ts';
import { ANNOTATIONS, LABELS } from '../manifests/labels.ts';
import type { JobSnapshot } from './job-snapshot.ts';
import { type JobFailure, NO_POD, type PodFailure, podFailure } from './pod-failure.ts';

/** Why a Job failed: the failure of the pod that failed first, or the condition of the Job if no pod is left. Pure. */
export function failureOfJob(snapshot: JobSnapshot, reason: string, message: string): JobFailure {
  if (reason === 'DeadlineExceeded') {
    return {
      ...NO_POD,
      class: 'Stalled',
      message: `it took longer than run.kubernetes.deadlineSeconds allows: ${message}`,
    };
  }
  const failures = snapshot.pods.flatMap((pod) => podFailure(pod, snapshot) ?? []);
  // The pods of a suspended Job are asked to end, and the controller counts that as failures. The cause is the
  // suspension.
  if (snapshot.job.spec?.suspend === true && failures.every(({ askedToEnd }) => askedToEnd)) {
    const queue = snapshot.job.metadata?.labels?.[LABELS.queue];
    const who = queue === undefined ? 'somebody else' : `Kueue, which needed the quota of queue ${queue},`;
    return { ...NO_POD, class: 'Preempted', message: `${who} suspended the Job while it ran` };
  }
  const [first] = failures.toSorted(byCause);
  if (first !== undefined) {
    const { since: _, askedToEnd: __, ...failure } = first;
    return failure;
  }
  const exitCode = Number(/exit code (\d+)/.exec(message)?.[1] ?? Number.NaN);
  if (Number.isInteger(exitCode)) return { ...NO_POD, class: failureOfExitCode(exitCode), message, exitCode };
  const isDisruption = /DisruptionTarget/.test(message);
  return { ...NO_POD, class: isDisruption ? 'Preempted' : 'Crashed', message: `${reason}: ${message}` };
}

const byCause = (a: PodFailure, b: PodFailure): number =>
  a.since - b.since || Number(a.askedToEnd) - Number(b.askedToEnd) || (a.part ?? 0) - (b.part ?? 0);

/** Why a worker has given a Job up, by its annotation; null if none has. Pure. */
export function failureWhenGivenUp(job: Job): JobFailure | null {
  const note = annotationOf(job, ANNOTATIONS.givenUp);
  if (note === null) return null;
  try {
    const { attempt: _, ...failure } = Failure.parse({ attempt: 0, ...JSON.parse(note) });
    return failure;
  } catch {
    return { ...NO_POD, class: 'Crashed', message: `given up: ${note}` };
  }
}

/**
 * The last observation of a Job that has been removed. Pure.
 * @param last - the last observation while it existed
 * @param isStopped - whether a worker had asked it to stop; otherwise somebody else removed it
 */
export function removedJob(last: JobObservation, isStopped: boolean, namespace: string): JobObservation {
  const ended = {
    ...last,
    pods: last.pods.map((pod) => (pod.phase === 'running' ? { ...pod, phase: 'failed' as const } : pod)),
  };
  if (isStopped) return { ...ended, phase: 'stopped', message: null };
  const message = `somebody else has removed Job ${last.name} of namespace ${namespace}`;
  return { ...ended, phase: 'failed', message, failure: { ...NO_POD, class: 'Crashed', message } };
}
