/**
 * GPUs that the planner knows. `memoryGiB` is the memory on the data sheet; drivers report less (see
 * {@link minReportedGiB}). `tflops` is the dense bf16 rate (without sparsity) on the data sheet. `product` is the
 * beginning of the label `nvidia.com/gpu.product`, which NVIDIA's GPU feature discovery sets. Source: NVIDIA's data
 * sheets.
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

/**
 * Largest fraction of the data sheet's memory that a driver reserves: an H100 of 80 GB reports 79.6 GiB, an L40S of 48
 * GB reports 45.0 GiB. *Ours*.
 */
const DRIVER_RESERVE = 0.07;

/**
 * The minimum memory that nvidia-smi and GPU feature discovery report for a GPU whose data sheet says `gpuMemoryGiB`.
 * @param gpuMemoryGiB - as in `run.resources.gpuMemoryGiB`
 */
export const minReportedGiB = (gpuMemoryGiB: number): number => gpuMemoryGiB * (1 - DRIVER_RESERVE);

/**
 * Whether a GPU has the requested memory.
 * @param reportedGiB - the memory that its driver reports
 * @param gpuMemoryGiB - the requested memory, as on a data sheet
 */
export const hasMemory = (reportedGiB: number, gpuMemoryGiB: number): boolean =>
  reportedGiB >= minReportedGiB(gpuMemoryGiB);
