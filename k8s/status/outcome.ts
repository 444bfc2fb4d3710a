import { type JobObservation, outcomeOfEnded } from '../../executor/index.ts';
import type { Outcome } from '../../spec/index.ts';
import { type JobFailure, NO_POD } from './pod-failure.ts';

/** How an ended Job maps to the failure table. @throws Error when it has not ended */
export function kubernetesOutcome(observation: JobObservation, attempt: number): Outcome {
  const unknown = (): JobFailure => ({
    ...NO_POD,
    class: 'Crashed',
    message: observation.message ?? 'the job failed without a reason',
  });
  return outcomeOfEnded(observation, () => ({ ...(observation.failure ?? unknown()), attempt }));
}
