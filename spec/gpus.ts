/**
 * GPUs that the planner knows. `memoryGiB`: the data sheet's; a driver reports less of it (see {@link leastReportedGiB}).
 * `tflops`: dense bf16 (without sparsity), of the data sheet. `product`: how NVIDIA's GPU feature discovery begins its
 * label `nvidia.com/gpu.product`. Source: NVIDIA's data sheets of each.
 */
export const GPUS = {
  'A100-40': { memoryGiB: 40, tflops: 312, product: 'NVIDIA-A100' },
  'A100-80': { memoryGiB: 80, tflops: 312, product: 'NVIDIA-A100' },
  L40S: { memoryGiB: 48, tflops: 362, product: 'NVIDIA-L40S' },
  H100: { memoryGiB: 80, tflops: 989, product: 'NVIDIA-H100' },
  H200: { memoryGiB: 141, tflops: 989, product: 'NVIDIA-H200' },
  B200: { memoryGiB: 180, tflops: 2250, product: 'NVIDIA-B200' },
} as const satisfies Record<string, GpuType>;

export interface GpuType {
  readonly memoryGiB: number;
  readonly tflops: number;
  readonly product: string;
}
export type GpuName = keyof typeof GPUS;

/** Of the memory on a data sheet a driver keeps up to so much (an H100 of 80 GB reports 79.6 GiB, an L40S of 48 GB 45.0). *Ours*. */
const KEPT_BACK = 0.07;

/**
 * What a GPU reports at least (nvidia-smi, GPU feature discovery) that has the memory that was asked for by its data sheet.
 * @param gpuMemoryGiB - as in `run.resources.gpuMemoryGiB`
 */
export const leastReportedGiB = (gpuMemoryGiB: number): number => gpuMemoryGiB * (1 - KEPT_BACK);

/** Whether a GPU counts as having the memory that was asked for. @param reportedGiB - by its driver */
export const hasMemory = (reportedGiB: number, gpuMemoryGiB: number): boolean =>
  reportedGiB >= leastReportedGiB(gpuMemoryGiB);
