import type { Failure } from '../spec/index.ts';
import type { JobRequest } from './job.ts';

/** What an executor knows of a pod. Times are ISO 8601, UTC. */
export interface PodState {
  readonly part: number;
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed';
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Which container ended the pod, where one did. */
  readonly container: 'main' | 'policy-server' | null;
  readonly message: string | null;
  /** Machine, or slot of one, that it was put on; null before. */
  readonly node: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** What an executor knows of a job. */
export interface JobObservation {
  readonly name: string;
  /**
   * - `pending`: nothing runs yet; `running`: at least one pod has started
   * - `succeeded`: every pod ended with 0; `failed`: it ended otherwise, or what ran it is gone
   * - `stopped`: it was asked to stop (or suspended) and no process of it is left
   */
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed' | 'stopped';
  readonly pods: readonly PodState[];
  /** For a person: what a job that has not begun waits for, or why it ended. */
  readonly message: string | null;
  /** Why it failed, where the executor knows more than pods can tell (Kubernetes). */
  readonly failure?: Omit<Failure, 'attempt'> | undefined;
}

/** A job that the executor still knows, and who asked for it. */
export interface JobSummary extends Pick<JobRequest, 'name' | 'campaign' | 'stage' | 'key' | 'attempt' | 'ownerRun'> {
  readonly phase: JobObservation['phase'];
  readonly submittedAt: string;
}

export const jobHasEnded = ({ phase }: Pick<JobObservation, 'phase'>): boolean =>
  phase !== 'pending' && phase !== 'running';
