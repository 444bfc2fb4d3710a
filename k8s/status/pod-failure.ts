import { type Failure, type FailureClass, FENCED_EXIT_CODE, failureOfExitCode } from '../../spec/index.ts';
import { type KubeNode, type Pod, timeOf, trueCondition } from '../api/objects.ts';
import { describeNode, isReady } from './node-state.ts';
import { lastWords, mainStatus, partOf, serverStatus } from './pod-state.ts';
import type { SeenPod } from './seen-pod.ts';

/** A failure, but for the attempt. */
export type JobFailure = Omit<Failure, 'attempt'>;

/** Of a failure that no pod reported. */
export const NO_POD = { exitCode: null, part: null, node: null } as const;

/** Why a pod failed, and when. Of several failures the earliest is the cause; the others mostly follow from it. */
export interface PodFailure extends JobFailure {
  /** ms since the epoch. */
  readonly since: number;
  /** It was asked to end. Of two failures in the same second this one is not the cause. */
  readonly askedToEnd: boolean;
}

/** The failure that a pod stands for; null for one that has not failed. Pure. */
export function podFailure(
  { pod, gone, deletedAt }: SeenPod,
  seen: { readonly nodes: ReadonlyMap<string, KubeNode> },
): PodFailure | null {
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || (phase !== 'Failed' && !gone)) return null;
  const end = mainStatus(pod)?.state?.terminated;
  const exitCode = end?.exitCode ?? null;
  if (exitCode === 0 && !gone) return null;
  const node = pod.spec?.nodeName ?? null;
  const common = { exitCode, part: partOf(pod), node };
  const said = lastWords(end?.message);
  const ended = timeOf(end?.finishedAt) ?? timeOf(pod.metadata?.deletionTimestamp) ?? Number.MAX_SAFE_INTEGER;
  const failed = (failure: FailureClass, why: string, since = ended, askedToEnd = false): PodFailure => ({
    ...{
      class: failure,
      message: said === null || said === why ? why : `${said} (${why})`,
      ...common,
      since,
      askedToEnd,
    },
  });

  // The program said so itself, and had said so before anybody took its machine.
  const ofProgram = exitCode === null ? null : failureOfExitCode(exitCode);
  const own = ofProgram !== null && ofProgram !== 'Crashed' && ofProgram !== 'Preempted' ? ofProgram : null;
  const disruption = trueCondition(pod.status?.conditions, 'DisruptionTarget');
  const disruptedAt = timeOf(disruption?.lastTransitionTime) ?? ended;
  if (own === null || disruptedAt < ended) {
    const taken = disruptionOf(pod, seen.nodes.get(node ?? '') ?? null);
    if (taken !== null) return failed(taken.class, taken.words, Math.min(disruptedAt, ended));
  }
  if (end?.reason === 'OOMKilled') {
    return failed('OutOfMemory', 'the kernel killed it for want of memory: OOMKilled; raise run.resources.memoryGiB');
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
  // What a program ends with once it was told to says nothing about it.
  if (deletedAt !== null && deletedAt <= ended) return failed('Preempted', DELETED, deletedAt, true);
  if (exitCode === 143)
    return failed('Preempted', 'it was told to end (SIGTERM), which nobody here had asked for', ended, true);
  if (exitCode === null || exitCode === 0) {
    const why = pod.status?.message ?? pod.status?.reason;
    const words = why ?? (gone ? 'its pod was removed by somebody else' : 'its pod failed without saying why');
    return failed(why === undefined && gone ? 'Preempted' : 'Crashed', words, ended, gone);
  }
  if (exitCode === 137) {
    return failed('Crashed', 'it was killed by SIGKILL, and not for want of memory as far as the machine tells');
  }
  return failed('Crashed', `the program ended with exit code ${exitCode}`);
}

/** The Job controller deletes pods too, once their Job has failed: those are never the first. */
const DELETED = 'its pod was deleted, which nobody here had asked for';

/** Reasons of a container that ended before its program began. */
const NEVER_STARTED: ReadonlySet<string> = new Set(['StartError', 'ContainerCannotRun']);

/** What Kubernetes says that it did with a pod which it took away, as a class; null where it did not. */
function disruptionOf(pod: Pod, node: KubeNode | null): { class: FailureClass; words: string } | null {
  const { reason, message, conditions } = pod.status ?? {};
  const disruption = trueCondition(conditions, 'DisruptionTarget');
  const words = [disruption?.message ?? message ?? '', node === null ? '' : describeNode(node)]
    .filter(Boolean)
    .join('; ');
  if (reason === 'Evicted') {
    const own = /Pod ephemeral|exceeds the (total )?limit/.test(message ?? '');
    if (/memory/i.test(message ?? '')) return { class: 'OutOfMemory', words: `evicted: ${message}` };
    return { class: own ? 'Crashed' : 'NodeFailure', words: `evicted: ${message}` };
  }
  if (reason === 'UnexpectedAdmissionError' || reason?.startsWith('OutOf') || reason === 'NodeAffinity') {
    return { class: 'NodeFailure', words: `the machine refused the pod: ${message ?? reason}` };
  }
  if (disruption === undefined) {
    return reason === 'Terminated' || reason === 'NodeShutdown' || reason === 'Shutdown'
      ? { class: 'Preempted', words: `the machine was shut down: ${message ?? reason}` }
      : null;
  }
  switch (disruption.reason) {
    case 'PreemptionByScheduler':
      return { class: 'Preempted', words: `preempted by pods of a higher priority: ${words}` };
    case 'EvictionByEvictionAPI':
      return { class: 'Preempted', words: `evicted, as in a drain of the machine: ${words}` };
    case 'DeletionByTaintManager':
      // A taint may also be a person's, on a machine that is well.
      return node !== null && isReady(node)
        ? { class: 'Preempted', words: `driven off by a taint: ${words}` }
        : { class: 'NodeFailure', words: `the machine does not answer: ${words}` };
    case 'DeletionByPodGC':
      return { class: 'NodeFailure', words: `the machine is gone: ${words}` };
    case 'TerminationByKubelet':
      return { class: 'Preempted', words: `ended by the machine: ${message ?? words}` };
    default:
      return { class: 'Preempted', words: `taken away (${disruption.reason}): ${words}` };
  }
}

/** What the policy server died of stands behind what the program says of it. */
function withServer(pod: Pod, words: string): string {
  const end = serverStatus(pod)?.lastState?.terminated ?? serverStatus(pod)?.state?.terminated;
  if (end === undefined || end.exitCode === 0) return words;
  const own =
    end.reason === 'OOMKilled'
      ? 'killed for want of memory: OOMKilled'
      : (lastWords(end.message) ?? `exit code ${end.exitCode}`);
  return `${words} (the policy server ended: ${own})`;
}
