import { type JobObservation, outcomeOfEnded, type PodState } from '../executor/index.ts';
import { type Failure, type FailureClass, failureOfExitCode, type Outcome } from '../spec/index.ts';
import { NOT_EXECUTABLE, NOT_FOUND } from './container.ts';

/**
 * How an ended job maps to the failure table. The pod that failed first decides: what others say after it is mostly its echo.
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

/** The failure that a failed pod stands for. */
export function failureOfPod(pod: PodState, attempt: number): Failure {
  const { exitCode, part, node } = pod;
  const why = classOfPod(pod);
  const message = [pod.message, endInWords(pod)].filter((text) => text !== null).join(' ');
  return { class: why, message, attempt, exitCode, part, node };
}

function classOfPod({ container, exitCode, signal, node }: PodState): FailureClass {
  if (node === null && exitCode === null) return 'Unschedulable';
  if (exitCode === NOT_FOUND || exitCode === NOT_EXECUTABLE) return 'ImageError';
  const ofMain = signal === 'SIGTERM' ? 'Preempted' : failureOfExitCode(exitCode ?? 0);
  // To the main program its policy server is a dependency like any other, unless the server said what was wrong.
  return container === 'policy-server' && ofMain === 'Crashed' ? 'DependencyDown' : ofMain;
}

/** The end itself, where the program's own words may not tell; null where they do. */
function endInWords({ container, exitCode, signal, message }: PodState): string | null {
  const who = container === 'policy-server' ? 'the policy server' : 'the program';
  if (signal === 'SIGKILL' || exitCode === 137) {
    return `(${who} was killed by SIGKILL, which nobody here had asked for; if it was for want of memory, the kernel's log says so)`;
  }
  if (signal !== null) return `(${who} was ended by ${signal})`;
  if (message !== null && failureOfExitCode(exitCode ?? 0) !== 'Crashed') return null;
  return exitCode === null ? null : `(${who} ended with exit code ${exitCode})`;
}

/** Earliest end first. Of ends in the same millisecond a pod that was told to end is not the cause. */
function byEnd(a: PodState, b: PodState): number {
  const end = ({ finishedAt }: PodState) => Date.parse(finishedAt ?? '9999-12-31T00:00:00Z');
  const told = (pod: PodState) => Number(classOfPod(pod) === 'Preempted');
  return end(a) - end(b) || told(a) - told(b) || a.part - b.part;
}
