import { setTimeout as sleep } from 'node:timers/promises';
import { POD_ENV } from '../spec/pod-env.ts';
import { retryOnDiskError } from './disk-retry.ts';
import { JOB_ID, type LocalJob } from './job-folder.ts';
import { type HeldLease, type Holder, holderOf, tryLease } from './leases.ts';
import { markedProcesses, sendSignal } from './processes.ts';
import { candidates, excludedGpus, nodeName } from './slots.ts';

/** The place of a pod. */
export interface Placement {
  readonly node: string;
  /** Indices of its own GPUs. */
  readonly gpus: readonly number[];
}

export interface PlacementOptions {
  readonly home: string;
  readonly host: string;
  readonly job: LocalJob;
  /** The supervisor. */
  readonly pid: number;
  readonly start: string;
  /** Ends all waits. */
  readonly stop: AbortSignal;
  /**
   * Called with what a part waits for, whenever that changes. @param part - null: all parts, because a gang starts as a
   * whole
   */
  readonly onWait: (part: number | null, message: string) => void;
}

/** Places the pods of one job on this machine. */
export interface Places {
  /**
   * The place of a part, once there is capacity; null if the job was stopped first.
   * @throws NoPlaceError if the machine can never run it
   */
  placeFor(part: number): Promise<Placement | null>;
  /** Releases the GPUs of an ended part. Those of a gang are kept until {@link releaseAll}. */
  release(part: number): Promise<void>;
  releaseAll(): Promise<void>;
}

/** The machine lacks the GPUs that a pod requests. */
export class NoPlaceError extends Error {
  override readonly name = 'NoPlaceError';
}

const CHECK_EVERY_MS = 200;
/**
 * Only the holder of the turn takes GPUs. So the number of free GPUs only grows meanwhile, and small pods cannot starve
 * a large one.
 */
const TURN = 'gpu-turn';
const resourceOf = (index: number): string => `gpu-${index}`;

export function createPlaces({ home, host, job, pid, start, stop, onWait }: PlacementOptions): Places {
  const { gang, parts, resources, excludedNodes } = job.request;
  const holder: Holder = { job: job.request.name, jobId: job.id, pid, start };
  const held = new Map<number, HeldLease>();
  const gpusOf = new Map<number, readonly number[]>();
  let ofGang: Promise<readonly number[] | null> | null = null;

  async function placeFor(part: number): Promise<Placement | null> {
    if (resources.gpus === 0) return { node: host, gpus: [] };
    if (gang) ofGang ??= take(null, parts * resources.gpus);
    const taken = await (ofGang ?? take(part, resources.gpus));
    if (taken === null) return null;
    const gpus = gang ? taken.slice(part * resources.gpus, (part + 1) * resources.gpus) : taken;
    gpusOf.set(part, gpus);
    return { node: nodeName(host, gpus), gpus };
  }

  /** Takes all GPUs at once. If jobs took them one by one, two jobs could wait for each other. */
  async function take(part: number | null, count: number): Promise<readonly number[] | null> {
    const excluded = excludedGpus(excludedNodes, host);
    const from = candidates(job.gpus, count, excluded, resources.gpuMemoryGiB);
    if (from.length < count) {
      const size = resources.gpuMemoryGiB === undefined ? '' : ` of ${resources.gpuMemoryGiB} GiB`;
      throw new NoPlaceError(`needs ${describeGpus(count)}${size}, but this machine has ${from.length}`);
    }
    const turn = await pollUntilStopped(async () => {
      const lease = await tryLease(home, TURN, holder);
      if (lease === null) onWait(part, `waits for ${describeGpus(count)}, after ${await nameOfHolder(TURN)}`);
      return lease;
    });
    if (turn === null) return null;
    try {
      return await pollUntilStopped(async () => {
        const holders = await Promise.all(
          from.map(async (index) => ({ index, by: await holderOf(home, resourceOf(index)) })),
        );
        const free = holders.filter(({ by }) => by === null).map(({ index }) => index);
        if (free.length >= count) return await takeAll(free.slice(0, count));
        const used = holders.filter(({ by }) => by !== null).map(({ index, by }) => `gpu-${index} has job ${by?.job}`);
        onWait(part, `waits for ${describeGpus(count)}, ${free.length} of ${from.length} free: ${used.join(', ')}`);
        return null;
      });
    } finally {
      await turn.release().catch(() => {}); // the turn is free when this process ends
    }
  }

  async function takeAll(indices: readonly number[]): Promise<readonly number[] | null> {
    for (const index of indices) {
      const lease = await tryLease(home, resourceOf(index), holder);
      if (lease === null) {
        for (const taken of indices) await releaseGpu(taken);
        return null;
      }
      held.set(index, lease);
    }
    return indices;
  }

  /** Repeats `attempt` until it returns a value; null when stopped. */
  async function pollUntilStopped<T>(attempt: () => Promise<T | null>): Promise<T | null> {
    while (!stop.aborted) {
      const found = await retryOnDiskError(attempt);
      if (found !== null) return found;
      await sleep(CHECK_EVERY_MS, undefined, { signal: stop }).catch(() => {});
    }
    return null;
  }

  const nameOfHolder = async (resource: string): Promise<string> => {
    const other = await holderOf(home, resource);
    return other === null ? 'another job' : `job ${other.job}`;
  };

  async function releaseGpu(index: number): Promise<void> {
    // A lease that cannot be released is free when this process ends.
    await held
      .get(index)
      ?.release()
      .catch(() => {});
    held.delete(index);
  }

  async function release(part: number): Promise<void> {
    const gpus = gpusOf.get(part) ?? [];
    if (gang || gpus.length === 0) return;
    if (!(await killProcessesOfPart(job.id, part))) return; // the GPUs are free once the job has ended
    for (const index of gpus) await releaseGpu(index);
    gpusOf.delete(part);
  }

  async function releaseAll(): Promise<void> {
    for (const index of [...held.keys()]) await releaseGpu(index);
  }

  return { placeFor, release, releaseAll };
}

/**
 * Kills the processes of a part. Its programs may have started processes in other groups, which still use a GPU.
 * @returns whether none is left
 */
async function killProcessesOfPart(jobId: string, part: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries += 1) {
    const marked = await markedProcesses(JOB_ID, jobId);
    const left = marked.filter(({ variable }) => variable(POD_ENV.shard) === String(part));
    if (left.length === 0) return true;
    for (const { pid } of left) sendSignal(pid, 'SIGKILL');
    await sleep(20);
  }
  return false;
}

const describeGpus = (count: number): string => (count === 1 ? '1 GPU' : `${count} GPUs`);
