import { type Failure, FENCED_EXIT_CODE, type Outcome } from '../spec/index.ts';
import type { JobObservation } from './observation.ts';

/**
 * The outcome of an ended job by the failure table, for every executor. Pure.
 *
 * A fenced pod (exit code 75) makes the job `stopped`. A later attempt holds the stage, so this attempt has neither
 * failed nor finished. The owner of this attempt then resolves the stage again, and finds it finished or busy.
 * @param failureOf - why the job failed; called only if it failed
 * @throws Error when the job has not ended
 */
export function outcomeOfEnded({ name, phase, pods }: JobObservation, failureOf: () => Failure): Outcome {
  switch (phase) {
    case 'succeeded':
      return { kind: 'completed' };
    case 'stopped':
      return { kind: 'stopped' };
    case 'failed':
      if (pods.some(({ exitCode }) => exitCode === FENCED_EXIT_CODE)) return { kind: 'stopped' };
      return { kind: 'failed', failure: failureOf() };
    default:
      throw new Error(`expected job ${name} to have ended, but it is ${phase}`);
  }
}
