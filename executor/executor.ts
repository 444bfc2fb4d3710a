import type { Outcome, StageFile } from '../spec/index.ts';
import type { JobRequest } from './job.ts';
import type { JobObservation, JobSummary } from './observation.ts';

/**
 * Runs jobs: as processes on this machine (`local/`) or as Kubernetes Jobs (`k8s/`). A *job* is one execution (attempt) of one stage; its
 * *pods* are the shards or ranks. Two workers may make the same call, or one worker twice, in any order.
 */
export interface Executor {
  /** Starts the job, or adopts it if one of this name stands. Returns when it is durable, not when it runs. */
  submit(request: JobRequest): Promise<void>;
  /** The job as it is now, or null if there never was one of this name (or its record was removed). */
  observe(name: string): Promise<JobObservation | null>;
  /** The job now and after every change, until it has ended or `signal` aborts. */
  watch(name: string, signal: AbortSignal): AsyncIterable<JobObservation>;
  /** SIGTERM, the job's grace, SIGKILL. Returns when none of its processes is left. The record stays, as `stopped`: a job of this name never starts again. */
  suspend(name: string): Promise<void>;
  /** Like {@link suspend}, then forgets all that the executor kept for it but that it was stopped. */
  stop(name: string): Promise<void>;
  /** The end of what the job's pods printed, for a person: at most `maxLines` of each pod that failed (of all, if none did). */
  logs(name: string, limits: { maxLines: number; maxBytes: number }): Promise<string>;
  /**
   * What a person needs to find out why a job does not get on, taken while it still runs: last logs, stacks of its programs, the state of
   * its processes and GPUs. By file name, each bounded in size; what is not available is named in its place. A missing tool is never an error.
   */
  diagnose(name: string): Promise<Readonly<Record<string, string>>>;
  /** Every job that has a record, ended or not. */
  list(): Promise<JobSummary[]>;

  /**
   * How an ended job maps to the failure table.
   * @param attempt - number of the execution, for the failure
   * @throws Error when the job has not ended
   */
  outcome(observation: JobObservation, attempt: number): Outcome;
  /** Why this executor can never run the stage (more GPUs than the machine has), for a person; null if it can. */
  refuse(stage: Pick<StageFile, 'name' | 'kind' | 'config'>): string | null;
  /**
   * What the executor lacks for a job that has not been submitted; null where there is room, or where it cannot tell.
   * @param mustFitNow - the job is not to wait: what others use counts as taken
   */
  capacity(request: JobRequest, mustFitNow: boolean): Promise<Shortage | null>;
}

/** What an executor lacks for a job that has not been submitted. */
export interface Shortage {
  /** `later`: others have to make room; `never`: not even an empty cluster could hold it. */
  readonly fits: 'later' | 'never';
  /** For a person: what is needed, and why no machine qualifies. */
  readonly why: string;
}
