import type { Outcome, StageFile } from '../spec/index.ts';
import type { JobRequest } from './job.ts';
import type { JobObservation, JobSummary } from './observation.ts';

/**
 * Runs jobs: as processes on this machine (`local/`) or as Kubernetes Jobs (`k8s/`). A *job* is one execution (attempt)
 * of one stage; its *pods* are the shards or ranks. Two workers may make the same call, or one worker twice, in any
 * order.
 */
export interface Executor {
  /** Starts the job, or adopts an existing job of this name. Returns when the job is durable, before it runs. */
  submit(request: JobRequest): Promise<void>;
  /** The current state of the job; null if it never existed or its record was removed. */
  observe(name: string): Promise<JobObservation | null>;
  /** Yields the state of the job now and after every change, until it has ended or `signal` aborts. */
  watch(name: string, signal: AbortSignal): AsyncIterable<JobObservation>;
  /**
   * Sends SIGTERM, and SIGKILL after the grace period. Returns when no process of the job is left. The record stays as
   * `stopped`, and no job of this name starts again.
   */
  suspend(name: string): Promise<void>;
  /** Like {@link suspend}. Then it deletes everything about the job except the fact that it was stopped. */
  stop(name: string): Promise<void>;
  /** The last lines of the job's logs, at most `maxLines` per pod. Only of failed pods if there are any. For people. */
  logs(name: string, limits: { maxLines: number; maxBytes: number }): Promise<string>;
  /**
   * Information for a person about a running job that makes no progress: last logs, stacks of its programs, state of
   * its processes and GPUs. Files by name, each of bounded size. A file says what was not available. A missing tool is
   * not an error.
   */
  diagnose(name: string): Promise<Readonly<Record<string, string>>>;
  /** Every job that has a record, including ended ones. */
  list(): Promise<JobSummary[]>;

  /**
   * The outcome of an ended job, by the failure table.
   * @param attempt - number of the execution, for the failure
   * @throws Error when the job has not ended
   */
  outcome(observation: JobObservation, attempt: number): Outcome;
  /** Why this executor can never run the stage, for example too few GPUs; null if it can. For people. */
  refuse(stage: Pick<StageFile, 'name' | 'kind' | 'config'>): string | null;
  /**
   * What the executor lacks for a job that is not submitted yet; null if the job fits or if the executor does not know.
   * @param mustFitNow - the job must not wait, so resources that other jobs use do not count as free
   */
  capacity(request: JobRequest, mustFitNow: boolean): Promise<Shortage | null>;
}

/** What an executor lacks for a job that is not submitted yet. */
export interface Shortage {
  /** `later`: the job fits once other jobs have ended. `never`: it does not fit even on an empty cluster. */
  readonly fits: 'later' | 'never';
  /** What the job needs and why no machine qualifies. For people. */
  readonly why: string;
}
