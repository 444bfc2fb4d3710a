import { type Failure, FENCED_EXIT_CODE, type Outcome } from './failures.ts';
import type { JobObservation } from './job.ts';

/**
 * How an ended job maps to the failure table, whatever ran it. Pure.
 *
 * A fenced pod (exit code 75) makes the job `stopped`: a later attempt has the stage, so that this one has neither failed nor finished.
 * Its owner looks at the stage again and finds it done, or busy.
 * @param failureOf - why a job failed; asked where it has
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
