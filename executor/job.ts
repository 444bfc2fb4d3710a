import type { KubernetesPlacement, StageKind } from '../spec/index.ts';

/**
 * A program of a pod. `node`, `python` and `vllm` are resolved by the executor: an interpreter here, an image there.
 */
export interface Program {
  readonly runtime: 'node' | 'python' | 'vllm';
  /**
   * Arguments after the interpreter, relative to the project: `['stages/main.ts']`,
   * `['-m', 'orrery_trainers.training.sft']`. For `vllm`, those after `vllm serve <model>` except address and port.
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
  /**
   * First run of the workflow of the stage, `<campaign>/<stage>`. Shows whether the workflow that requested the job
   * still exists.
   */
  readonly ownerRun: string;
  /** Shards, or ranks of a gang. */
  readonly parts: number;
  /** Number of pods at the same time. A gang runs all. */
  readonly parallelism: number;
  readonly gang: boolean;
  readonly main: Program;
  /** Runs beside `main` in every pod. Starts before it, is ready when `GET /health` answers 200, and ends after it. */
  readonly policyServer: Program | null;
  /** Resources of each pod. `gpuMemoryGiB` is the least memory of each of its GPUs. */
  readonly resources: {
    readonly cpus: number;
    readonly memoryGiB?: number | undefined;
    readonly gpus: number;
    readonly gpuMemoryGiB?: number | undefined;
  };
  /** Settings for Kubernetes only; other executors ignore them. */
  readonly kubernetes?: KubernetesPlacement | undefined;
  /** Names as in {@link PodState.node}. No pod runs there, if other nodes qualify. */
  readonly excludedNodes: readonly string[];
  /** Additional environment of the main container, beside that of the pod contract. Never a secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly graceSeconds: number;
}
