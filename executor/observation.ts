import type { Failure } from '../spec/index.ts';
import type { JobRequest } from './job.ts';

/** The state of a pod. Times are ISO 8601, UTC. */
export interface PodState {
  readonly part: number;
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed';
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The container whose end ended the pod; null if none did. */
  readonly container: 'main' | 'policy-server' | null;
  readonly message: string | null;
  /** Machine, or slot of a machine, that the pod runs on; null before it has one. */
  readonly node: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** The state of a job. */
export interface JobObservation {
  readonly name: string;
  /**
   * - `pending`: nothing runs yet; `running`: at least one pod has started
   * - `succeeded`: every pod ended with 0, or every part of the work is in the store and nothing is written any more;
   *   `failed`: a pod ended otherwise, or the process that ran it is gone
   * - `stopped`: the job was asked to stop (or suspended), and no process of it is left
   */
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed' | 'stopped';
  readonly pods: readonly PodState[];
  /** For a person: what a pending job waits for, or why the job ended. */
  readonly message: string | null;
  /** Why it failed, if the executor knows more than the states of pods show (Kubernetes). */
  readonly failure?: Omit<Failure, 'attempt'> | undefined;
}

/** A job that the executor has a record of, and the workflow that requested it. */
export interface JobSummary extends Pick<JobRequest, 'name' | 'campaign' | 'stage' | 'key' | 'attempt' | 'ownerRun'> {
  readonly phase: JobObservation['phase'];
  readonly submittedAt: string;
}

export const jobHasEnded = ({ phase }: Pick<JobObservation, 'phase'>): boolean =>
  phase !== 'pending' && phase !== 'running';
