import { type Failure, type FailureClass, FENCED_EXIT_CODE, failureOfExitCode } from '../../spec/index.ts';
import { type KubeNode, type Pod, timeOf, trueCondition } from '../api/objects.ts';
import { describeNode, isReady } from './node-state.ts';
import { mainStatus, partOf, serverStatus, terminationMessageOf } from './pod-state.ts';
import type { SeenPod } from './seen-pod.ts';

/** A failure without the attempt. */
export type JobFailure = Omit<Failure, 'attempt'>;

/** Fields of a failure that no pod reported. */
export const NO_POD = { exitCode: null, part: null, node: null } as const;

/** Why a pod failed, and when. The earliest failure of a Job is the cause; the others mostly follow from it. */
export interface PodFailure extends JobFailure {
  /** ms since the epoch. */
  readonly since: number;
  /** Whether the pod was asked to end. Of two failures in the same second, such a pod is not the cause. */
  readonly askedToEnd: boolean;
}

/** The failure of a pod; null if it has not failed. Pure. */
export function podFailure(
  { pod, gone, deletedAt }: SeenPod,
  snapshot: { readonly nodes: ReadonlyMap<string, KubeNode> },
): PodFailure | null {
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || (phase !== 'Failed' && !gone)) return null;
  const end = mainStatus(pod)?.state?.terminated;
  const exitCode = end?.exitCode ?? null;
  if (exitCode === 0 && !gone) return null;
  const node = pod.spec?.nodeName ?? null;
  const common = { exitCode, part: partOf(pod), node };
  const said = terminationMessageOf(end?.message);
  const ended = timeOf(end?.finishedAt) ?? timeOf(pod.metadata?.deletionTimestamp) ?? Number.MAX_SAFE_INTEGER;
  const failed = (failure: FailureClass, why: string, since = ended, askedToEnd = false): PodFailure => ({
    class: failure,
    message: said === null || said === why ? why : `${said} (${why})`,
    ...common,
    since,
    askedToEnd,
  });

  // The program reported its own failure, before its node was disrupted.
  const ofProgram = exitCode === null ? null : failureOfExitCode(exitCode);
  const own = ofProgram !== null && ofProgram !== 'Crashed' && ofProgram !== 'Preempted' ? ofProgram : null;
  const disruption = trueCondition(pod.status?.conditions, 'DisruptionTarget');
  const disruptedAt = timeOf(disruption?.lastTransitionTime) ?? ended;
  if (own === null || disruptedAt < ended) {
    const disrupted = disruptionOf(pod, snapshot.nodes.get(node ?? '') ?? null);
    if (disrupted !== null) return failed(disrupted.class, disrupted.message, Math.min(disruptedAt, ended));
  }
  if (end?.reason === 'OOMKilled') {
    return failed(
      'OutOfMemory',
      'the kernel killed it because its memory ran out: OOMKilled; raise run.resources.memoryGiB',
    );
  }
  if (end !== undefined && NEVER_STARTED.has(end.reason ?? '')) {
    const message = `the container could not be started: ${end.message ?? end.reason}`;
    return { ...failed('ImageError', message), message };
  }
  if (own !== null || exitCode === FENCED_EXIT_CODE) {
    return {
      ...failed(own ?? 'Crashed', said ?? `the program ended with exit code ${exitCode}`),
      message: withServer(pod, said ?? `the program ended with exit code ${exitCode}`),
    };
  }
  // The exit code of a program that was asked to end says nothing about the program.
  if (deletedAt !== null && deletedAt <= ended) return failed('Preempted', DELETED_BY_OTHERS, deletedAt, true);
  if (exitCode === 143) return failed('Preempted', 'it got SIGTERM, but orrery did not ask it to stop', ended, true);
  if (exitCode === null || exitCode === 0) {
    const why = pod.status?.message ?? pod.status?.reason;
    const message = why ?? (gone ? 'somebody else removed its pod' : 'its pod failed without a reason');
    return failed(why === undefined && gone ? 'Preempted' : 'Crashed', message, ended, gone);
  }
  if (exitCode === 137) {
    return failed('Crashed', 'it was killed by SIGKILL; its node does not report that memory ran out');
  }
  return failed('Crashed', `the program ended with exit code ${exitCode}`);
}

/** The Job controller deletes pods too, once their Job has failed: those never fail first. */
const DELETED_BY_OTHERS = 'its pod was deleted, but orrery did not delete it';

/** Reasons of a container that ended before its program began. */
const NEVER_STARTED: ReadonlySet<string> = new Set(['StartError', 'ContainerCannotRun']);

/** The failure of a pod that Kubernetes disrupted; null if it did not. */
function disruptionOf(pod: Pod, node: KubeNode | null): { class: FailureClass; message: string } | null {
  const { reason, message, conditions } = pod.status ?? {};
  const disruption = trueCondition(conditions, 'DisruptionTarget');
  const details = [disruption?.message ?? message ?? '', node === null ? '' : describeNode(node)]
    .filter(Boolean)
    .join('; ');
  if (reason === 'Evicted') {
    const own = /Pod ephemeral|exceeds the (total )?limit/.test(message ?? '');
    if (/memory/i.test(message ?? '')) return { class: 'OutOfMemory', message: `evicted: ${message}` };
    return { class: own ? 'Crashed' : 'NodeFailure', message: `evicted: ${message}` };
  }
  if (reason === 'UnexpectedAdmissionError' || reason?.startsWith('OutOf') || reason === 'NodeAffinity') {
    return { class: 'NodeFailure', message: `the node refused the pod: ${message ?? reason}` };
  }
  if (disruption === undefined) {
    return reason === 'Terminated' || reason === 'NodeShutdown' || reason === 'Shutdown'
      ? { class: 'Preempted', message: `the node was shut down: ${message ?? reason}` }
      : null;
  }
  switch (disruption.reason) {
    case 'PreemptionByScheduler':
      return { class: 'Preempted', message: `preempted by pods of a higher priority: ${details}` };
    case 'EvictionByEvictionAPI':
      return { class: 'Preempted', message: `evicted, as in a drain of the node: ${details}` };
    case 'DeletionByTaintManager':
      // A person may also have tainted a healthy node.
      return node !== null && isReady(node)
        ? { class: 'Preempted', message: `evicted by a taint: ${details}` }
        : { class: 'NodeFailure', message: `the node does not answer: ${details}` };
    case 'DeletionByPodGC':
      return { class: 'NodeFailure', message: `the node is gone: ${details}` };
    case 'TerminationByKubelet':
      return { class: 'Preempted', message: `terminated by the kubelet: ${message ?? details}` };
    default:
      return { class: 'Preempted', message: `disrupted (${disruption.reason}): ${details}` };
  }
}

/** Appends to the message of the program why its policy server ended, if that failed. */
function withServer(pod: Pod, message: string): string {
  const end = serverStatus(pod)?.lastState?.terminated ?? serverStatus(pod)?.state?.terminated;
  if (end === undefined || end.exitCode === 0) return message;
  const own =
    end.reason === 'OOMKilled'
      ? 'the kernel killed it because its memory ran out: OOMKilled'
      : (terminationMessageOf(end.message) ?? `exit code ${end.exitCode}`);
  return `${message} (the policy server ended: ${own})`;
}
