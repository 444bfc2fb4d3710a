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

/** Whether one of its containers runs, or has and the pod is being wound up. */
export const isRunning = (pod: Pod): boolean =>
  !hasEnded(pod) &&
  (mainStatus(pod)?.state?.terminated !== undefined ||
    [mainStatus(pod), serverStatus(pod)].some((one) => one?.state?.running !== undefined));

/** A pod as all executors tell it. Pure. @param gone - it is there no more, and this is how it was last seen */
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
    message: lastWords(end?.message),
    node: pod.spec?.nodeName ?? null,
    startedAt: starts.flatMap((time) => time ?? []).toSorted()[0] ?? null,
    finishedAt: end?.finishedAt ?? null,
  };
}

/** A part of which there is no pod. */
export const noPod = (part: number): PodState => ({
  ...{ part, phase: 'pending', exitCode: null, signal: null, container: null },
  ...{ message: null, node: null, startedAt: null, finishedAt: null },
});

/** What a container said last, by its termination message: the end of its log. */
export const lastWords = (message: string | undefined): string | null =>
  message === undefined || UNREADABLE.test(message) ? null : lastMessageOfLog(message.split('\n'));

/** What the kubelet says in place of a log that it cannot read any more. */
const UNREADABLE = /^(Error on reading termination message|The container could not be located)/;
