import type { KubernetesPlacement, StageKind } from '../spec/index.ts';

/** A program of a pod. `node`, `python` and `vllm` are resolved by the executor: an interpreter here, an image there. */
export interface Program {
  readonly runtime: 'node' | 'python' | 'vllm';
  /**
   * Arguments after the interpreter, relative to the project: `['stages/main.ts']`, `['-m', 'orrery_trainers.training.sft']`. Of `vllm` those after
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
