import type { JobObservation } from '../../executor/index.ts';
import { annotationOf, nameOf, trueCondition } from '../api/objects.ts';
import { ANNOTATIONS, LABELS } from '../manifests/labels.ts';
import { endByPods } from './ended-pods.ts';
import { isAtRest } from './job-at-rest.ts';
import { failureOfJob, failureWhenGivenUp } from './job-failure.ts';
import type { JobSnapshot } from './job-snapshot.ts';
import { reasonToGiveUp, troublesOf } from './job-trouble.ts';
import { latestPods } from './latest-pods.ts';
import type { JobFailure } from './pod-failure.ts';
import type { Limits, PodTrouble } from './pod-trouble.ts';

export interface JobStatus {
  readonly observation: JobObservation;
  /**
   * Why the Job can never succeed although Kubernetes would keep waiting: the executor then ends it. Null while it can
   * still succeed.
   */
  readonly giveUp: JobFailure | null;
}

/** The status of a Job. Pure. It follows only from what the objects say, never from missing objects. */
export function jobStatus(snapshot: JobSnapshot, limits: Limits): JobStatus {
  const { job } = snapshot;
  const pods = latestPods(snapshot);
  const status = (phase: JobObservation['phase'], message: string | null, failure?: JobFailure): JobStatus => ({
    observation: { name: nameOf(job), phase, pods, message, ...(failure === undefined ? {} : { failure }) },
    giveUp: null,
  });
  const conditions = job.status?.conditions;
  if (trueCondition(conditions, 'Complete') !== undefined) return status('succeeded', null);

  const begun = pods.some(({ phase }) => phase !== 'pending');
  const atWork = begun ? 'running' : 'pending';
  const nothingRuns = isAtRest(snapshot, limits);
  if (annotationOf(job, ANNOTATIONS.stoppedAt) !== null) {
    return nothingRuns ? status('stopped', null) : status(atWork, 'stopping: it was asked to stop, and saves its work');
  }
  const givenUp = failureWhenGivenUp(job);
  if (givenUp !== null) {
    return nothingRuns ? status('failed', givenUp.message, givenUp) : status(atWork, `stopping: ${givenUp.message}`);
  }
  const failed = trueCondition(conditions, 'Failed');
  const failing = failed ?? trueCondition(conditions, 'FailureTarget');
  if (failed !== undefined || (failing !== undefined && nothingRuns)) {
    const failure = failureOfJob(snapshot, failing?.reason ?? '', failing?.message ?? '');
    return status('failed', failure.message, failure);
  }

  if (job.spec?.suspend === true) return status('pending', describeSuspension(snapshot, begun));
  const end =
    failing === undefined ? endByPods(pods, annotationOf(job, ANNOTATIONS.shape) === 'gang', snapshot.takenAt) : null;
  if (end === 'succeeded') return status(end, null);
  if (end === 'failed') {
    const failure = failureOfJob(snapshot, 'PodFailed', 'a pod has failed');
    return status(end, failure.message, failure);
  }
  const troubles = troublesOf(snapshot, limits);
  const reportable = troubles.filter(({ quiet = false }) => !quiet);
  const [trouble] = reportable;
  const message = trouble === undefined ? null : describeTrouble(trouble, reportable.length, pods.length);
  const { observation } = status(
    atWork,
    failing === undefined ? message : `one pod has failed, and the others save their work: ${failing.message}`,
  );
  return { observation, giveUp: failing === undefined ? reasonToGiveUp(snapshot, troubles, pods, limits) : null };
}

function describeSuspension({ job, admission }: JobSnapshot, begun: boolean): string {
  const queue = job.metadata?.labels?.[LABELS.queue];
  if (queue !== undefined) {
    return `${begun ? 'was preempted and waits again' : 'waits'} in queue ${queue}${admission === null ? '' : `: ${admission}`}`;
  }
  return 'somebody else has suspended the Job; it continues once spec.suspend is false again';
}

function describeTrouble({ message }: PodTrouble, troubled: number, parts: number): string {
  return parts === 1 ? message : `${troubled} of ${parts} pods wait: ${message}`;
}
