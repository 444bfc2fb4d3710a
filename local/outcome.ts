import { type JobObservation, outcomeOfEnded, type PodState } from '../executor/index.ts';
import { type Failure, type FailureClass, failureOfExitCode, type Outcome } from '../spec/index.ts';
import { NOT_EXECUTABLE, NOT_FOUND } from './container.ts';

/**
 * How an ended job maps to the failure table. The pod that failed first decides, because later failures mostly follow
 * from it.
 * @param attempt - number of the execution, for the failure
 * @throws Error when the job has not ended
 */
export function localOutcome(observation: JobObservation, attempt: number): Outcome {
  return outcomeOfEnded(observation, () => {
    const [first] = observation.pods.filter(({ phase }) => phase === 'failed').toSorted(byEnd);
    if (first !== undefined) return failureOfPod(first, attempt);
    const message = observation.message ?? 'the job failed before any of its pods started';
    return { class: 'Crashed', message, attempt, exitCode: null, part: null, node: null };
  });
}

/** The failure of a failed pod. */
export function failureOfPod(pod: PodState, attempt: number): Failure {
  const { exitCode, part, node } = pod;
  const why = classOfPod(pod);
  const message = [pod.message, describeEnd(pod)].filter((text) => text !== null).join(' ');
  return { class: why, message, attempt, exitCode, part, node };
}

function classOfPod({ container, exitCode, signal, node }: PodState): FailureClass {
  if (node === null && exitCode === null) return 'Unschedulable';
  if (exitCode === NOT_FOUND || exitCode === NOT_EXECUTABLE) return 'ImageError';
  const ofMain = signal === 'SIGTERM' ? 'Preempted' : failureOfExitCode(exitCode ?? 0);
  // The policy server is a dependency of the main program, unless the server reported its own failure.
  return container === 'policy-server' && ofMain === 'Crashed' ? 'DependencyDown' : ofMain;
}

/** Describes the end of the pod if the message of the program may not; otherwise null. */
function describeEnd({ container, exitCode, signal, message }: PodState): string | null {
  const who = container === 'policy-server' ? 'the policy server' : 'the program';
  if (signal === 'SIGKILL' || exitCode === 137) {
    return `(${who} was killed by SIGKILL, but not by orrery; if memory ran out, the kernel log says so)`;
  }
  if (signal !== null) return `(${who} was ended by ${signal})`;
  if (message !== null && failureOfExitCode(exitCode ?? 0) !== 'Crashed') return null;
  return exitCode === null ? null : `(${who} ended with exit code ${exitCode})`;
}

/** Earliest end first. Of two ends in the same millisecond, a pod that was asked to end is not the cause. */
function byEnd(a: PodState, b: PodState): number {
  const end = ({ finishedAt }: PodState) => Date.parse(finishedAt ?? '9999-12-31T00:00:00Z');
  const wasAskedToEnd = (pod: PodState) => Number(classOfPod(pod) === 'Preempted');
  return end(a) - end(b) || wasAskedToEnd(a) - wasAskedToEnd(b) || a.part - b.part;
}
