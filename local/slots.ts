import { hasMemory } from '../spec/index.ts';
import type { Gpu } from './gpus.ts';

/**
 * Nodes of one machine, as in `PodState.node`. A pod without GPUs is on `host`; a pod with GPUs is on `host/gpu-0` or
 * `host/gpu-0,3`. All functions here are pure.
 */
export const nodeName = (host: string, gpus: readonly number[]): string =>
  gpus.length === 0 ? host : `${host}/gpu-${gpus.join(',')}`;

/**
 * Indices of the excluded GPUs of this host, oldest exclusion first. Other hosts, and the host as a whole, give none.
 */
export function excludedGpus(excludedNodes: readonly string[], host: string): number[] {
  const prefix = `${host}/gpu-`;
  const named = excludedNodes.filter((node) => node.startsWith(prefix));
  return [...new Set(named.flatMap((node) => node.slice(prefix.length).split(',').map(Number)))];
}

/**
 * The GPUs from which `count` may be taken: those that are not excluded. If those can never be enough, also those whose
 * exclusion is oldest. Fewer than `count` if the machine has fewer.
 * @param memoryGiB - least memory of each; smaller ones are left out
 */
export function candidates(
  gpus: readonly Gpu[],
  count: number,
  excluded: readonly number[],
  memoryGiB: number = 0,
): number[] {
  const fit = gpus.filter((gpu) => hasMemory(gpu.memoryGiB, memoryGiB)).map(({ index }) => index);
  const others = fit.filter((index) => !excluded.includes(index));
  const alsoUsable = excluded.filter((index) => fit.includes(index));
  return [...others, ...alsoUsable.slice(0, Math.max(0, count - others.length))];
}

/**
 * Describes an exclusion that cannot be kept; null if all can.
 * @param count - GPUs that the job needs at the same time; 0: none
 */
export function brokenExclusion(
  gpus: readonly Gpu[],
  count: number,
  excludedNodes: readonly string[],
  host: string,
): string | null {
  const whole = excludedNodes.includes(host);
  if (count === 0) return whole ? `${host} is excluded, but it is the only machine: it is used anyway` : null;
  const excluded = excludedGpus(excludedNodes, host);
  const used = candidates(gpus, count, excluded).filter((index) => excluded.includes(index));
  if (used.length > 0) return `${nodeName(host, used)} is excluded, but there are not ${count} others: it may be used`;
  return whole ? `${host} is excluded, but it is the only machine: its other GPUs are used` : null;
}
