import type { PodState } from '../../executor/index.ts';
import type { FailureClass } from '../../spec/index.ts';
import { annotationOf, timeOf } from '../api/objects.ts';
import { ANNOTATIONS } from '../manifests/labels.ts';
import { isPast } from './job-at-rest.ts';
import type { JobSnapshot } from './job-snapshot.ts';
import { type JobFailure, NO_POD } from './pod-failure.ts';
import { type Limits, type PodTrouble, podTrouble } from './pod-trouble.ts';

/** The troubles of a Job and its pods. The one with the earliest limit comes first. Pure. */
export function troublesOf(snapshot: JobSnapshot, limits: Limits): PodTrouble[] {
  const ofPods = snapshot.pods.flatMap(({ pod, gone }) => {
    if (gone) return [];
    const events = snapshot.podEvents.get(pod.metadata?.uid ?? '') ?? [];
    return podTrouble(pod, events, snapshot.nodes.get(pod.spec?.nodeName ?? '') ?? null, limits) ?? [];
  });
  const ofJob = creationTrouble(snapshot, limits);
  const order = (one: PodTrouble): number => one.giveUpAt ?? Number.MAX_SAFE_INTEGER;
  return [...(ofJob === null ? [] : [ofJob]), ...ofPods].toSorted((a, b) => order(a) - order(b));
}

/** The trouble of pods that could not be created. The Job controller reports that only in events. */
function creationTrouble({ job, jobEvents, pods }: JobSnapshot, limits: Limits): PodTrouble | null {
  const refused = jobEvents.findLast(({ reason }) => reason === 'FailedCreate');
  const wanted = Math.min(job.spec?.parallelism ?? 1, job.spec?.completions ?? 1);
  const existing = pods.filter(({ gone }) => !gone).length;
  if (refused === undefined || existing >= wanted) return null;
  const since = timeOf(job.status?.startTime ?? job.metadata?.creationTimestamp) ?? 0;
  const message = `pods are refused: ${refused.message ?? refused.reason}`;
  const isTemporary = /exceeded quota|timeout|failed calling webhook|no available server/i.test(message);
  const failure: FailureClass = isTemporary ? 'Unschedulable' : 'InvalidInput';
  const graceSeconds = isTemporary ? limits.pendingSeconds : limits.imageGraceSeconds;
  return { ...NO_POD, class: failure, message, giveUpAt: since + graceSeconds * 1000 };
}

/**
 * Why a Job can never succeed; null while it can. Pure. Limits hold for each pod: one that can never start ends the
 * Job, whatever the others do.
 */
export function reasonToGiveUp(
  { job, now }: JobSnapshot,
  troubles: readonly PodTrouble[],
  pods: readonly PodState[],
  { pendingSeconds }: Limits,
): JobFailure | null {
  const gang = annotationOf(job, ANNOTATIONS.shape) === 'gang';
  const fatal = troubles.find((one) => {
    const waitsForCapacity = one.class === 'Unschedulable' && one.node === null;
    if (gang || !waitsForCapacity) return isPast(one.giveUpAt, now);
    const freeSince = capacityFreedAt(pods);
    if (freeSince === null) return false;
    return isPast(one.giveUpAt, now) && isPast(freeSince + pendingSeconds * 1000, now);
  });
  if (fatal === undefined) return null;
  const { message, class: failure, exitCode, part, node } = fatal;
  return { class: failure, message, exitCode, part, node };
}

/**
 * When the last shard freed its node, in ms since the epoch: 0 if no shard has had a node, null while one has. A shard
 * may wait for the capacity of other shards, so the limit of its wait begins when they have ended.
 */
function capacityFreedAt(pods: readonly PodState[]): number | null {
  if (pods.some(({ phase }) => phase === 'running')) return null;
  return Math.max(0, ...pods.flatMap(({ finishedAt }) => (finishedAt === null ? [] : [Date.parse(finishedAt)])));
}
