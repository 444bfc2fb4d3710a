import type { PodState } from '../../executor/index.ts';
import { lastMessageOfLog } from '../../spec/last-log-message.ts';
import { annotationOf, type Pod } from '../api/objects.ts';
import { ANNOTATIONS, MAIN, POLICY_SERVER } from '../manifests/labels.ts';

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

export const mainStatus = ({ status }: Pod): ContainerStatus | undefined =>
  status?.containerStatuses?.find(({ name }) => name === MAIN);
export const serverStatus = ({ status }: Pod): ContainerStatus | undefined =>
  status?.initContainerStatuses?.find(({ name }) => name === POLICY_SERVER);

/** Index of a pod in its Job. */
export const partOf = (pod: Pod): number => Number(annotationOf(pod, ANNOTATIONS.index) ?? 0);

export const hasPhase = ({ status }: Pod, ...phases: string[]): boolean => phases.includes(status?.phase ?? 'Pending');
export const hasEnded = (pod: Pod): boolean => hasPhase(pod, 'Succeeded', 'Failed');

/** Whether one of its containers runs, or has run and the pod is ending. */
export const isRunning = (pod: Pod): boolean =>
  !hasEnded(pod) &&
  (mainStatus(pod)?.state?.terminated !== undefined ||
    [mainStatus(pod), serverStatus(pod)].some((one) => one?.state?.running !== undefined));

/**
 * The state of a pod in the form that all executors share. Pure. @param gone - whether the pod was removed, and this is
 * its last state
 */
export function podState(pod: Pod, gone: boolean): PodState {
  const main = mainStatus(pod)?.state;
  const end = main?.terminated;
  const starts = [main?.running?.startedAt, end?.startedAt, serverStatus(pod)?.state?.running?.startedAt];
  const exitCode = end?.exitCode ?? null;
  const failed = hasPhase(pod, 'Failed') || (gone && !hasPhase(pod, 'Succeeded'));
  return {
    part: partOf(pod),
    phase: failed ? 'failed' : hasPhase(pod, 'Succeeded') ? 'succeeded' : isRunning(pod) ? 'running' : 'pending',
    exitCode,
    signal: exitCode === 137 ? 'SIGKILL' : null,
    container: end === undefined ? null : 'main',
    message: terminationMessageOf(end?.message),
    node: pod.spec?.nodeName ?? null,
    startedAt: starts.flatMap((time) => time ?? []).toSorted()[0] ?? null,
    finishedAt: end?.finishedAt ?? null,
  };
}

/** The state of a part without a pod. */
export const noPod = (part: number): PodState => ({
  part,
  phase: 'pending',
  exitCode: null,
  signal: null,
  container: null,
  message: null,
  node: null,
  startedAt: null,
  finishedAt: null,
});

/** The last message of a container, from its termination message, which is the end of its log. */
export const terminationMessageOf = (message: string | undefined): string | null =>
  message === undefined || UNREADABLE.test(message) ? null : lastMessageOfLog(message.split('\n'));

/** Texts of the kubelet in place of a log that it can no longer read. */
const UNREADABLE = /^(Error on reading termination message|The container could not be located)/;
