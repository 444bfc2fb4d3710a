import type { Failure } from '../spec/index.ts';
import type { JobRequest } from './job.ts';

/** What an executor knows of a pod. Times are ISO 8601, UTC. */
export interface PodState {
  readonly part: number;
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed';
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The container that ended the pod, if one did. */
  readonly container: 'main' | 'policy-server' | null;
  readonly message: string | null;
  /** The machine, or the slot of one, where the pod was placed; null before. */
  readonly node: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** What an executor knows of a job. */
export interface JobObservation {
  readonly name: string;
  /**
   * - `pending`: nothing runs yet; `running`: at least one pod has started
   * - `succeeded`: every pod ended with 0; `failed`: the job ended in another way, or its supervisor is gone
   * - `stopped`: a stop or a suspension was requested, and no process of the job is left
   */
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed' | 'stopped';
  readonly pods: readonly PodState[];
  /** What a pending job waits for, or why an ended job ended. For people. */
  readonly message: string | null;
  /** Why the job failed, if the executor knows more than its pods (Kubernetes). */
  readonly failure?: Omit<Failure, 'attempt'> | undefined;
}

/** A job that has a record, and its owner. */
export interface JobSummary extends Pick<JobRequest, 'name' | 'campaign' | 'stage' | 'key' | 'attempt' | 'ownerRun'> {
  readonly phase: JobObservation['phase'];
  readonly submittedAt: string;
}

export const jobHasEnded = ({ phase }: Pick<JobObservation, 'phase'>): boolean =>
  phase !== 'pending' && phase !== 'running';
