import { GPUS, type GpuName } from '../spec/index.ts';

export const GIB = 2 ** 30;

/** One part of the memory of a GPU. */
export interface MemoryItem {
  readonly what: string;
  readonly gib: number;
}

/** The memory that one GPU needs, and whether it has that much. */
export interface MemoryNeed {
  readonly items: readonly MemoryItem[];
  readonly neededGiB: number;
  /** The part of its memory that is available for planning. */
  readonly usableGiB: number;
  readonly fits: boolean;
}

export function memoryNeed(items: readonly MemoryItem[], usableGiB: number): MemoryNeed {
  const neededGiB = items.reduce((sum, { gib }) => sum + gib, 0);
  return { items, neededGiB, usableGiB, fits: neededGiB <= usableGiB };
}

/**
 * Memory that the driver reports, in GiB: 0.5 % less than on the data sheet (79.6 of 80 for an H100). Source:
 * nvidia-smi.
 */
export const reportedGiB = (gpu: GpuName): number => GPUS[gpu].memoryGiB * 0.995;
