import { type Failure, FENCED_EXIT_CODE, type Outcome } from '../spec/index.ts';
import type { JobObservation } from './observation.ts';

/**
 * How an ended job maps to the failure table, whatever ran it. Pure.
 *
 * A fenced pod (exit code 75) makes the job `stopped`: a later attempt holds the stage, so this one has neither failed nor finished. Its owner
 * looks at the stage again and finds it finished, or busy.
 * @param failureOf - why the job failed; called only where it failed
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
