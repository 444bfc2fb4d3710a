import { availableParallelism, totalmem } from 'node:os';
import { hasMemory, IS_TRAINER, type StageFile } from '../spec/index.ts';
import { machineGpus } from './gpus.ts';

/** The resources of a machine for stage processes. */
export interface Capacity {
  readonly cpus: number;
  readonly memoryGiB: number;
  /** Memory in GiB, one entry per GPU. */
  readonly gpuMemoryGiB: readonly number[];
}

let measured: Capacity | null = null;

/** The resources of this machine, determined once per process. */
export function machineCapacity(): Capacity {
  measured ??= {
    cpus: availableParallelism(),
    memoryGiB: totalmem() / 2 ** 30,
    gpuMemoryGiB: machineGpus().map(({ memoryGiB }) => memoryGiB),
  };
  return measured;
}

/**
 * Why a machine can never run a stage; null if it can. All pods together may request more cores than the machine has,
 * because they then just run more slowly. A single pod may not. The GPUs and the memory of all pods that run at the
 * same time must exist.
 */
export function refusalFor(stage: Pick<StageFile, 'name' | 'kind' | 'config'>, machine: Capacity): string | null {
  const { run } = stage.config;
  if (run.policyServer.engine === 'vllm') {
    return `stage ${stage.name} asks for vLLM, which runs only on Kubernetes; set run.policyServer.engine to embedded`;
  }
  const { cpus, gpus, memoryGiB, gpuMemoryGiB } = run.resources;
  const pods = IS_TRAINER.has(stage.kind) ? run.ranks : Math.min(run.shards, run.parallelism ?? run.shards);
  const fits = machine.gpuMemoryGiB.filter((memory) => hasMemory(memory, gpuMemoryGiB ?? 0));
  const refuse = (asked: string, has: string, field: string) =>
    `stage ${stage.name} asks for ${asked}, but this machine has ${has}; lower run.${field}, or run the campaign on a cluster`;

  if (gpus * pods > fits.length) {
    const each = gpuMemoryGiB === undefined ? '' : ` of ${gpuMemoryGiB} GiB`;
    return refuse(`${gpus * pods} GPUs${each} (${pods} x ${gpus})`, `${fits.length}`, 'resources.gpus');
  }
  if (cpus > machine.cpus) return refuse(`${cpus} cores`, `${machine.cpus}`, 'resources.cpus');
  if (memoryGiB !== undefined && memoryGiB * pods > machine.memoryGiB) {
    const asked = `${memoryGiB * pods} GiB of memory (${pods} x ${memoryGiB})`;
    return refuse(asked, `${machine.memoryGiB.toFixed(1)}`, 'resources.memoryGiB');
  }
  return null;
}

/** {@link refusalFor} this machine. */
export const localRefusal = (stage: Pick<StageFile, 'name' | 'kind' | 'config'>): string | null =>
  refusalFor(stage, machineCapacity());
