import { type JobObservation, outcomeOfEnded, type PodState } from '../../executor/index.ts';
import { Failure, type FailureClass, failureOfExitCode, type Outcome } from '../../spec/index.ts';
import {
  annotationOf,
  type Job,
  type KubeEvent,
  type KubeNode,
  nameOf,
  timeOf,
  trueCondition,
} from '../api/objects.ts';
import { ANNOTATIONS, LABELS } from '../manifests/labels.ts';
import { endByPods } from './ended-pods.ts';
import { type GivenUp, type PodFailure, podFailure } from './pod-failure.ts';
import { hasEnded, noPod, partOf, podState } from './pod-state.ts';
import { type Limits, type PodTrouble, podTrouble } from './pod-trouble.ts';
import type { SeenPod } from './seen-pod.ts';

/** All that is looked at to say how a Job stands. */
export interface Seen {
  readonly job: Job;
  readonly pods: readonly SeenPod[];
  /** Warnings about the Job and, by their uid, its pods; oldest first. */
  readonly jobEvents: readonly KubeEvent[];
  readonly podEvents: ReadonlyMap<string, readonly KubeEvent[]>;
  /** Machines of its pods by name, as far as the worker may look at them. */
  readonly nodes: ReadonlyMap<string, KubeNode>;
  /** What Kueue says of it; null without Kueue. */
  readonly admission: string | null;
  /** When this was seen, in ms since the epoch; null while the cluster is not heard. */
  readonly heardAt: number | null;
  /** The same, for limits: null too while the cluster is heard again only since a moment, and its own parts are not up to date. Then time proves nothing. */
  readonly now: number | null;
}

export interface Judgement {
  readonly observation: JobObservation;
  /** Why nothing will come of it, though Kubernetes would go on waiting: it is to be ended for that. Null while there is hope. */
  readonly giveUp: GivenUp | null;
}

/** How a Job stands. Pure: it says what the objects say, and nothing from what is missing. */
export function judge(seen: Seen, limits: Limits): Judgement {
  const { job } = seen;
  const pods = latestPods(seen);
  const told = (phase: JobObservation['phase'], message: string | null, failure?: GivenUp): Judgement => ({
    observation: { name: nameOf(job), phase, pods, message, ...(failure === undefined ? {} : { failure }) },
    giveUp: null,
  });
  const conditions = job.status?.conditions;
  if (trueCondition(conditions, 'Complete') !== undefined) return told('succeeded', null);

  const begun = pods.some(({ phase }) => phase !== 'pending');
  const atWork = begun ? 'running' : 'pending';
  const nothingRuns = isAtRest(seen, limits);
  if (annotationOf(job, ANNOTATIONS.stoppedAt) !== null) {
    return nothingRuns ? told('stopped', null) : told(atWork, 'it was asked to stop, and saves');
  }
  const givenUp = givenUpBefore(job);
  if (givenUp !== null) {
    return nothingRuns ? told('failed', givenUp.message, givenUp) : told(atWork, `is ended: ${givenUp.message}`);
  }
  const failed = trueCondition(conditions, 'Failed');
  const failing = failed ?? trueCondition(conditions, 'FailureTarget');
  if (failed !== undefined || (failing !== undefined && nothingRuns)) {
    const failure = failureOfJob(seen, failing?.reason ?? '', failing?.message ?? '');
    return told('failed', failure.message, failure);
  }

  if (job.spec?.suspend === true) return told('pending', suspendedInWords(seen, begun));
  const end =
    failing === undefined ? endByPods(pods, annotationOf(job, ANNOTATIONS.shape) === 'gang', seen.heardAt) : null;
  if (end === 'succeeded') return told(end, null);
  if (end === 'failed') {
    const failure = failureOfJob(seen, 'PodFailed', 'a pod has failed');
    return told(end, failure.message, failure);
  }
  const troubles = troublesOf(seen, limits);
  const tellable = troubles.filter(({ quiet = false }) => !quiet);
  const [trouble] = tellable;
  const message = trouble === undefined ? null : inWords(trouble, tellable.length, pods.length);
  const { observation } = told(
    atWork,
    failing === undefined ? message : `one pod has failed, the others save: ${failing.message}`,
  );
  return { observation, giveUp: failing === undefined ? hopelessness(seen, troubles, pods, limits) : null };
}

/** How an ended Job maps to the failure table. @throws Error when it has not ended */
export function kubernetesOutcome(observation: JobObservation, attempt: number): Outcome {
  const unknown = (): GivenUp => ({
    ...NOWHERE,
    class: 'Crashed',
    message: observation.message ?? 'the job failed without saying why',
  });
  return outcomeOfEnded(observation, () => ({ ...(observation.failure ?? unknown()), attempt }));
}

/** One state a part: that of its latest pod. */
function latestPods({ job, pods }: Seen): PodState[] {
  const parts = Number(annotationOf(job, ANNOTATIONS.parts) ?? job.spec?.completions ?? 1);
  const latest = new Map<number, SeenPod>();
  for (const one of pods) {
    const before = latest.get(partOf(one.pod));
    const isLater = before === undefined || createdAt(one) > createdAt(before) || (before.gone && !one.gone);
    if (isLater) latest.set(partOf(one.pod), one);
  }
  const done = completedIndexes(job.status?.completedIndexes);
  return Array.from({ length: parts }, (_, part) => {
    const one = latest.get(part);
    if (one !== undefined) return podState(one.pod, one.gone);
    // Who began to watch late finds no pod of what finished long ago; the Job keeps the account.
    return done(part) ? { ...noPod(part), phase: 'succeeded' as const, exitCode: 0 } : noPod(part);
  });
}

const createdAt = ({ pod }: SeenPod): number => timeOf(pod.metadata?.creationTimestamp) ?? 0;

/** `0,2-5` as a test of membership. */
function completedIndexes(text: string | undefined): (part: number) => boolean {
  const ranges = (text ?? '').split(',').filter(Boolean);
  const bounds = ranges.map((range) => range.split('-').map(Number));
  return (part) => bounds.some(([from = 0, to = from]) => from <= part && part <= to);
}

/**
 * Whether nothing of the Job runs any more. The Job controller has to have said that it saw what was asked; a pod on a machine that does not
 * answer can be waited for no longer: what it still writes is fenced.
 */
function isAtRest({ job, pods, nodes, now }: Seen, limits: Limits): boolean {
  const { conditions, active = 0, terminating = 0 } = job.status ?? {};
  const seenByController = ['Suspended', 'Failed', 'FailureTarget'].some(
    (type) => trueCondition(conditions, type) !== undefined,
  );
  const left = pods.filter(({ pod, gone }) => !gone && !hasEnded(pod));
  const lost = left.filter(({ pod }) => {
    const trouble = podTrouble(pod, [], nodes.get(pod.spec?.nodeName ?? '') ?? null, limits);
    return trouble?.class === 'NodeFailure' && isPast(trouble.hopelessAt, now);
  });
  return seenByController && left.length === lost.length && active + terminating <= lost.length;
}

const isPast = (time: number | null, now: number | null): boolean => time !== null && now !== null && time <= now;

function givenUpBefore(job: Job): GivenUp | null {
  const note = annotationOf(job, ANNOTATIONS.givenUp);
  if (note === null) return null;
  try {
    const { attempt: _, ...failure } = Failure.parse({ attempt: 0, ...JSON.parse(note) });
    return failure;
  } catch {
    return { class: 'Crashed', message: `given up: ${note}`, exitCode: null, part: null, node: null };
  }
}

/** The pod that failed first decides; where none is left to tell, the Job's own condition does. */
function failureOfJob(seen: Seen, reason: string, message: string): GivenUp {
  if (reason === 'DeadlineExceeded') {
    return {
      ...NOWHERE,
      class: 'Stalled',
      message: `it took longer than run.kubernetes.deadlineSeconds allows: ${message}`,
    };
  }
  const failures = seen.pods.flatMap((pod) => podFailure(pod, seen) ?? []);
  // Pods of a suspended Job are told to end, and that is a failure to its controller: the cause is who suspended it.
  if (seen.job.spec?.suspend === true && failures.every(({ told }) => told)) {
    const queue = seen.job.metadata?.labels?.[LABELS.queue];
    const who = queue === undefined ? 'somebody else' : `Kueue, which needed what queue ${queue} had,`;
    return { ...NOWHERE, class: 'Preempted', message: `${who} suspended the Job while it ran` };
  }
  const [first] = failures.toSorted(byCause);
  if (first !== undefined) {
    const { since: _, told: __, ...failure } = first;
    return failure;
  }
  const exitCode = Number(/exit code (\d+)/.exec(message)?.[1] ?? Number.NaN);
  if (Number.isInteger(exitCode)) return { ...NOWHERE, class: failureOfExitCode(exitCode), message, exitCode };
  const isDisruption = /DisruptionTarget/.test(message);
  return { ...NOWHERE, class: isDisruption ? 'Preempted' : 'Crashed', message: `${reason}: ${message}` };
}

const NOWHERE = { exitCode: null, part: null, node: null } as const;

const byCause = (a: PodFailure, b: PodFailure): number =>
  a.since - b.since || Number(a.told) - Number(b.told) || (a.part ?? 0) - (b.part ?? 0);

function suspendedInWords({ job, admission }: Seen, begun: boolean): string {
  const queue = job.metadata?.labels?.[LABELS.queue];
  if (queue !== undefined) {
    return `${begun ? 'was preempted and waits again' : 'waits'} in queue ${queue}${admission === null ? '' : `: ${admission}`}`;
  }
  return 'somebody else has suspended the Job; it goes on once spec.suspend is false again';
}

function troublesOf(seen: Seen, limits: Limits): PodTrouble[] {
  const ofPods = seen.pods.flatMap(({ pod, gone }) => {
    if (gone) return [];
    const events = seen.podEvents.get(pod.metadata?.uid ?? '') ?? [];
    return podTrouble(pod, events, seen.nodes.get(pod.spec?.nodeName ?? '') ?? null, limits) ?? [];
  });
  const ofJob = creationTrouble(seen, limits);
  const order = (one: PodTrouble): number => one.hopelessAt ?? Number.MAX_SAFE_INTEGER;
  return [...(ofJob === null ? [] : [ofJob]), ...ofPods].toSorted((a, b) => order(a) - order(b));
}

/** Pods that could not be created: the Job controller says so in events alone. */
function creationTrouble({ job, jobEvents, pods }: Seen, limits: Limits): PodTrouble | null {
  const refused = jobEvents.findLast(({ reason }) => reason === 'FailedCreate');
  const wanted = Math.min(job.spec?.parallelism ?? 1, job.spec?.completions ?? 1);
  const there = pods.filter(({ gone }) => !gone).length;
  if (refused === undefined || there >= wanted) return null;
  const since = timeOf(job.status?.startTime ?? job.metadata?.creationTimestamp) ?? 0;
  const words = `pods are refused: ${refused.message ?? refused.reason}`;
  const ofTheMoment = /exceeded quota|timeout|failed calling webhook|no available server/i.test(words);
  const failure: FailureClass = ofTheMoment ? 'Unschedulable' : 'InvalidInput';
  const graceSeconds = ofTheMoment ? limits.pendingSeconds : limits.imageGraceSeconds;
  return { ...NOWHERE, class: failure, words, hopelessAt: since + graceSeconds * 1000 };
}

/** Limits hold for every pod by itself: one that can never begin ends the Job, whatever has become of the others. */
function hopelessness(
  { job, now }: Seen,
  troubles: readonly PodTrouble[],
  pods: readonly PodState[],
  { pendingSeconds }: Limits,
): GivenUp | null {
  const gang = annotationOf(job, ANNOTATIONS.shape) === 'gang';
  const fatal = troubles.find((one) => {
    const waitsForRoom = one.class === 'Unschedulable' && one.node === null;
    if (gang || !waitsForRoom) return isPast(one.hopelessAt, now);
    const roomSince = roomFreedAt(pods);
    if (roomSince === null) return false;
    return isPast(one.hopelessAt, now) && isPast(roomSince + pendingSeconds * 1000, now);
  });
  if (fatal === undefined) return null;
  const { words: message, class: failure, exitCode, part, node } = fatal;
  return { class: failure, message, exitCode, part, node };
}

/**
 * When the last shard gave its machine back, in ms since the epoch: 0 if none has had one, null while one has. What a shard waits for may be
 * the room of the others, so that the limit of its wait begins when they have ended.
 */
function roomFreedAt(pods: readonly PodState[]): number | null {
  if (pods.some(({ phase }) => phase === 'running')) return null;
  return Math.max(0, ...pods.flatMap(({ finishedAt }) => (finishedAt === null ? [] : [Date.parse(finishedAt)])));
}

function inWords({ words }: PodTrouble, troubled: number, parts: number): string {
  return parts === 1 ? words : `${troubled} of ${parts} pods wait: ${words}`;
}
