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
   * SIGTERM, the grace of the job, SIGKILL. Returns when no process of the job is left. The record stays, as `stopped`:
   * a job of this name never starts again.
   */
  suspend(name: string): Promise<void>;
  /** Like {@link suspend}, then removes all that the executor kept about the job, except that it was stopped. */
  stop(name: string): Promise<void>;
  /**
   * The last log lines of the pods, for a person: at most `maxLines` of each failed pod, or of each pod if none failed.
   */
  logs(name: string, limits: { maxLines: number; maxBytes: number }): Promise<string>;
  /**
   * Shows why a running job makes no progress: last logs, stacks of its programs, the state of its processes and GPUs.
   * By file name, each bounded in size; missing information is named in its place. A missing tool is never an error.
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
  /**
   * Why this executor can never run the stage (for example more GPUs than the machine has), for a person; null if it
   * can.
   */
  refuse(stage: Pick<StageFile, 'name' | 'kind' | 'config'>): string | null;
  /**
   * The capacity that the executor lacks for a job before it is submitted; null if there is enough, or if that is
   * unknown.
   * @param mustFitNow - the job must not wait: capacity that others use counts as taken
   */
  capacity(request: JobRequest, mustFitNow: boolean): Promise<Shortage | null>;
}

/** The capacity that an executor lacks for a job. */
export interface Shortage {
  /** `later`: other jobs have to end first; `never`: even an empty cluster is too small. */
  readonly fits: 'later' | 'never';
  /** What the job needs and why no machine qualifies. For people. */
  readonly why: string;
}
