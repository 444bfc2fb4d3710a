import { GPUS, type GpuName } from '../spec/index.ts';

export const GIB = 2 ** 30;

/** One share of a GPU's memory, in words and GiB. */
export interface MemoryItem {
  readonly what: string;
  readonly gib: number;
}

/** What one GPU has to hold, and whether it can. */
export interface MemoryNeed {
  readonly items: readonly MemoryItem[];
  readonly neededGiB: number;
  /** Of its memory, what may be planned with. */
  readonly usableGiB: number;
  readonly fits: boolean;
}

export function memoryNeed(items: readonly MemoryItem[], usableGiB: number): MemoryNeed {
  const neededGiB = items.reduce((sum, { gib }) => sum + gib, 0);
  return { items, neededGiB, usableGiB, fits: neededGiB <= usableGiB };
}

/** GiB that a driver reports of a GPU: 0.5 % less than its data sheet says (79.6 of 80 on an H100). Source: nvidia-smi. */
export const reportedGiB = (gpu: GpuName): number => GPUS[gpu].memoryGiB * 0.995;
