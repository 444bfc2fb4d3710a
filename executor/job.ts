import type { KubernetesPlacement, StageKind } from '../spec/index.ts';

/** A program of a pod. The executor resolves `node`, `python` and `vllm` to an interpreter or an image. */
export interface Program {
  readonly runtime: 'node' | 'python' | 'vllm';
  /**
   * Arguments after the interpreter, relative to the project: `['stages/main.ts']`, `['-m',
   * 'orrery_trainers.training.sft']`. For `vllm`, the arguments after `vllm serve <model>`, without address and port.
   */
  readonly args: readonly string[];
  /** Image that it runs in, if the stage names one. */
  readonly image?: string | undefined;
  /** Runtime `vllm`: folder of the weights; a relative path is within the store. */
  readonly model?: string | undefined;
}

export interface JobRequest {
  /**
   * Derived from campaign, stage, key and attempt, so that a repeated request starts no second job. A valid DNS label.
   */
  readonly name: string;
  readonly campaign: string;
  readonly stage: string;
  readonly kind: StageKind;
  readonly arm: string | null;
  readonly key: string;
  readonly attempt: number;
  /** First run of the stage's workflow, `<campaign>/<stage>`. It shows whether the owner of the job still runs. */
  readonly ownerRun: string;
  /** Shards, or ranks of a gang. */
  readonly parts: number;
  /** Most pods that run at the same time. A gang runs all of them. */
  readonly parallelism: number;
  readonly gang: boolean;
  readonly main: Program;
  /** Runs beside `main` in every pod: started before it, ready when `GET /health` answers 200, ended after it. */
  readonly policyServer: Program | null;
  /** Resources of each pod. `gpuMemoryGiB` is the least memory of each of its GPUs. */
  readonly resources: {
    readonly cpus: number;
    readonly memoryGiB?: number | undefined;
    readonly gpus: number;
    readonly gpuMemoryGiB?: number | undefined;
  };
  /** Further settings for Kubernetes. Other executors ignore them. */
  readonly kubernetes?: KubernetesPlacement | undefined;
  /** Names as in {@link PodState.node}. No pod is placed there while other nodes qualify. */
  readonly excludedNodes: readonly string[];
  /** Environment of the main container in addition to the pod contract. Never a secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly graceSeconds: number;
}
