import type { V1PodFailurePolicy } from '@kubernetes/client-node';
import { FAILURES, FENCED_EXIT_CODE } from '../../spec/index.ts';
import { MAIN } from './labels.ts';

/** Exit codes by which a program says itself how it ended: the failure table's, and the fence's. */
export const TOLD_EXIT_CODES: readonly number[] = [
  ...Object.values(FAILURES).flatMap(({ exitCode }) => exitCode ?? []),
  FENCED_EXIT_CODE,
].toSorted((a, b) => a - b);

/**
 * One Job is one attempt: no pod of it is ever started again, whatever it died of, since what follows a failure is for the failure table
 * to say. So every rule fails the Job; what they add is that its condition names the pod, the code or the disruption, which is known then even
 * where the pod is gone.
 */
export const podFailurePolicy = (): V1PodFailurePolicy => ({
  rules: [
    { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'FailJob', onExitCodes: { containerName: MAIN, operator: 'In', values: [...TOLD_EXIT_CODES] } },
  ],
});
