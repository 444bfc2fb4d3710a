import type { Failure } from './failures.ts';
import type { KubernetesPlacement } from './kubernetes.ts';
import type { StageKind } from './stages/index.ts';

/**
 * What executors have in common: processes on this machine (`local/`) and Kubernetes Jobs (`k8s/`) are both driven through
 * {@link Executor}. A *job* is one execution (attempt) of one stage; its *pods* are the shards or ranks.
 */

/** A program of a pod. `node`, `python` and `vllm` are resolved by the executor: an interpreter here, an image there. */
export interface Program {
  readonly runtime: 'node' | 'python' | 'vllm';
  /**
   * Arguments after the interpreter, relative to the project: `['stages/main.ts']`, `['-m', 'orrery_trainers.sft']`. Of `vllm` those after
   * `vllm serve <model>`, but for address and port.
   */
  readonly args: readonly string[];
  /** Image to run it in, where the stage names one. */
  readonly image?: string | undefined;
  /** Runtime `vllm`: folder of the weights; a relative path is within the store. */
  readonly model?: string | undefined;
}

export interface JobRequest {
  /** Derived from campaign, stage, key and attempt, so that asking twice starts one. Valid as a DNS label. */
  readonly name: string;
  readonly campaign: string;
  readonly stage: string;
  readonly kind: StageKind;
  readonly arm: string | null;
  readonly key: string;
  readonly attempt: number;
  /** First run of the stage's workflow, `<campaign>/<stage>`: tells whether who asked for the job is still there. */
  readonly ownerRun: string;
  /** Shards, or ranks of a gang. */
  readonly parts: number;
  /** Pods at the same time. A gang has all. */
  readonly parallelism: number;
  readonly gang: boolean;
  readonly main: Program;
  /** Runs beside `main` in every pod: started before it, ready when `GET /health` answers 200, ended after it. */
  readonly policyServer: Program | null;
  /** Of each pod. `gpuMemoryGiB`: the least that each of its GPUs has. */
  readonly resources: {
    readonly cpus: number;
    readonly memoryGiB?: number | undefined;
    readonly gpus: number;
    readonly gpuMemoryGiB?: number | undefined;
  };
  /** What the stage tells Kubernetes beyond that; other executors have no use for it. */
  readonly kubernetes?: KubernetesPlacement | undefined;
  /** Names as in {@link PodState.node}: no pod is put there, as far as there are others. */
  readonly excludedNodes: readonly string[];
  /** More environment of the main container, beside the pod contract's. Never a secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly graceSeconds: number;
}

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

export interface JobObservation {
  readonly name: string;
  /**
   * - `pending`: nothing runs yet; `running`: at least one pod has started
   * - `succeeded`: every pod ended with 0; `failed`: it ended otherwise, or what ran it is gone
   * - `stopped`: it was asked to stop (or suspended) and no process of it is left
   */
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed' | 'stopped';
  readonly pods: readonly PodState[];
  /** In words, what a job that has not begun waits for, or why it ended. */
  readonly message: string | null;
  /** Why it failed, where the executor knows more than pods can tell (Kubernetes). */
  readonly failure?: Omit<Failure, 'attempt'> | undefined;
}

/** A job that the executor still knows, and who asked for it. */
export interface JobSummary extends Pick<JobRequest, 'name' | 'campaign' | 'stage' | 'key' | 'attempt' | 'ownerRun'> {
  readonly phase: JobObservation['phase'];
  readonly submittedAt: string;
}

/** Starts, watches and ends jobs. Every call may be made twice, by two workers, in any order. */
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
   * its processes and GPUs. By file name, each bounded in size; what cannot be had is said in its place. Never throws for want of a tool.
   */
  diagnose(name: string): Promise<Readonly<Record<string, string>>>;
  /** Every job that has a record, ended or not. */
  list(): Promise<JobSummary[]>;
}

/** What an executor lacks for a job that has not been submitted. */
export interface Shortage {
  /** `later`: others have to make room; `never`: not even an empty cluster could hold it. */
  readonly fits: 'later' | 'never';
  /** In words: what is needed, and why each machine does not do. */
  readonly why: string;
}
