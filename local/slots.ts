import { hasMemory } from '../spec/index.ts';
import type { Gpu } from './gpus.ts';

/**
 * Nodes of one machine, as `PodState.node` names them. A pod without GPUs is on the machine, `host`; one with GPUs is on its own of them,
 * `host/gpu-0` or `host/gpu-0,3`. All functions here are pure.
 */
export const nodeName = (host: string, gpus: readonly number[]): string =>
  gpus.length === 0 ? host : `${host}/gpu-${gpus.join(',')}`;

/** Indices of the GPUs on this host that are excluded, oldest exclusion first. Names of other hosts, and of the host as a whole, give none. */
export function excludedGpus(excludedNodes: readonly string[], host: string): number[] {
  const prefix = `${host}/gpu-`;
  const named = excludedNodes.filter((node) => node.startsWith(prefix));
  return [...new Set(named.flatMap((node) => node.slice(prefix.length).split(',').map(Number)))];
}

/**
 * The GPUs that `count` of them may be taken from: those that are not excluded; only where these would never be enough, those whose
 * exclusion is oldest beside them. Fewer than `count` when the machine has not that many.
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
  const spared = excluded.filter((index) => fit.includes(index));
  return [...others, ...spared.slice(0, Math.max(0, count - others.length))];
}

/**
 * What of an exclusion cannot be kept, in words; null when all can.
 * @param count - GPUs that the job needs at the same time; 0: none at all
 */
export function brokenExclusion(
  gpus: readonly Gpu[],
  count: number,
  excludedNodes: readonly string[],
  host: string,
): string | null {
  const whole = excludedNodes.includes(host);
  if (count === 0) return whole ? `${host} is excluded, but it is the only machine: it is used all the same` : null;
  const excluded = excludedGpus(excludedNodes, host);
  const used = candidates(gpus, count, excluded).filter((index) => excluded.includes(index));
  if (used.length > 0) return `${nodeName(host, used)} is excluded, but there are not ${count} others: it may be used`;
  return whole ? `${host} is excluded, but it is the only machine: its other GPUs are used` : null;
}
