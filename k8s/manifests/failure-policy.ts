import type { V1PodFailurePolicy } from '@kubernetes/client-node';
import { FAILURES, FENCED_EXIT_CODE } from '../../spec/index.ts';
import { MAIN } from './labels.ts';

/** Exit codes by which a program reports its own end: those of the failure table, and that of a fenced pod. */
export const KNOWN_EXIT_CODES: readonly number[] = [
  ...Object.values(FAILURES).flatMap(({ exitCode }) => exitCode ?? []),
  FENCED_EXIT_CODE,
].toSorted((a, b) => a - b);

/**
 * One Job is one attempt. Kubernetes never starts a pod of it again, because the failure table decides what follows a
 * failure. So every rule fails the Job. The rules make the condition of the Job name the pod, the exit code or the
 * disruption, so that these are known even if the pod is removed.
 */
export const podFailurePolicy = (): V1PodFailurePolicy => ({
  rules: [
    { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'FailJob', onExitCodes: { containerName: MAIN, operator: 'In', values: [...KNOWN_EXIT_CODES] } },
  ],
});
