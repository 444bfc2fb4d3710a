import { setTimeout as sleep } from 'node:timers/promises';
import { POD_ENV } from '../spec/pod-env.ts';
import { retryOnDiskError } from './disk-retry.ts';
import { JOB_ID, type LocalJob } from './job-folder.ts';
import { type HeldLease, type Holder, holderOf, tryLease } from './leases.ts';
import { markedProcesses, sendSignal } from './processes.ts';
import { candidates, excludedGpus, nodeName } from './slots.ts';

/** Where a pod was put. */
export interface Placement {
  readonly node: string;
  /** Indices of the GPUs that are its own. */
  readonly gpus: readonly number[];
}

export interface PlacementOptions {
  readonly home: string;
  readonly host: string;
  readonly job: LocalJob;
  /** The supervisor. */
  readonly pid: number;
  readonly start: string;
  /** Nothing is waited for any more. */
  readonly stop: AbortSignal;
  /** Told in words what is waited for, whenever that changes. @param part - null: all parts, for a gang starts as a whole */
  readonly onWait: (part: number | null, words: string) => void;
}

/** Puts the pods of one job on this machine. */
export interface Places {
  /**
   * Where a part is to run, once there is room; null when the job was stopped first.
   * @throws NoPlaceError when there will never be room
   */
  placeFor(part: number): Promise<Placement | null>;
  /** The part has ended: what it had is free for others. Of a gang nothing is, until {@link leaveAll}. */
  leave(part: number): Promise<void>;
  leaveAll(): Promise<void>;
}

/** The machine has not what a pod asks for. */
export class NoPlaceError extends Error {
  override readonly name = 'NoPlaceError';
}

const LOOK_EVERY_MS = 200;
/** Only who has the turn takes GPUs: so those that are free can only become more, and nobody waits for ever while small pods pass by. */
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

  /** Takes this many GPUs at once: with some held and others waited for, two jobs could wait for each other. */
  async function take(part: number | null, count: number): Promise<readonly number[] | null> {
    const excluded = excludedGpus(excludedNodes, host);
    const from = candidates(job.gpus, count, excluded, resources.gpuMemoryGiB);
    if (from.length < count) {
      const size = resources.gpuMemoryGiB === undefined ? '' : ` of ${resources.gpuMemoryGiB} GiB`;
      throw new NoPlaceError(`needs ${inWords(count)}${size}, but this machine has ${from.length}`);
    }
    const turn = await waiting(async () => {
      const lease = await tryLease(home, TURN, holder);
      if (lease === null) onWait(part, `waits for ${inWords(count)}, after ${await nameOfHolder(TURN)}`);
      return lease;
    });
    if (turn === null) return null;
    try {
      return await waiting(async () => {
        const holders = await Promise.all(
          from.map(async (index) => ({ index, by: await holderOf(home, resourceOf(index)) })),
        );
        const free = holders.filter(({ by }) => by === null).map(({ index }) => index);
        if (free.length >= count) return await takeAll(free.slice(0, count));
        const used = holders.filter(({ by }) => by !== null).map(({ index, by }) => `gpu-${index} has job ${by?.job}`);
        onWait(part, `waits for ${inWords(count)}, ${free.length} of ${from.length} free: ${used.join(', ')}`);
        return null;
      });
    } finally {
      await turn.release().catch(() => {}); // free at the end of this process, then
    }
  }

  async function takeAll(indices: readonly number[]): Promise<readonly number[] | null> {
    for (const index of indices) {
      const lease = await tryLease(home, resourceOf(index), holder);
      if (lease === null) {
        for (const taken of indices) await release(taken);
        return null;
      }
      held.set(index, lease);
    }
    return indices;
  }

  /** Looks until there is an answer; null when stopped. */
  async function waiting<T>(look: () => Promise<T | null>): Promise<T | null> {
    while (!stop.aborted) {
      const found = await retryOnDiskError(look);
      if (found !== null) return found;
      await sleep(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => {});
    }
    return null;
  }

  const nameOfHolder = async (resource: string): Promise<string> => {
    const other = await holderOf(home, resource);
    return other === null ? 'another job' : `job ${other.job}`;
  };

  async function release(index: number): Promise<void> {
    // One that cannot be given back is free when this process ends.
    await held
      .get(index)
      ?.release()
      .catch(() => {});
    held.delete(index);
  }

  async function leave(part: number): Promise<void> {
    const gpus = gpusOf.get(part) ?? [];
    if (gang || gpus.length === 0) return;
    if (!(await killStragglers(job.id, part))) return; // free once the job has ended
    for (const index of gpus) await release(index);
    gpusOf.delete(part);
  }

  async function leaveAll(): Promise<void> {
    for (const index of [...held.keys()]) await release(index);
  }

  return { placeFor, leave, leaveAll };
}

/**
 * Programs of a pod may have started processes in groups of their own, which work on a GPU still.
 * @returns whether none is left
 */
async function killStragglers(jobId: string, part: number): Promise<boolean> {
  for (let looks = 0; looks < 100; looks += 1) {
    const marked = await markedProcesses(JOB_ID, jobId);
    const left = marked.filter(({ variable }) => variable(POD_ENV.shard) === String(part));
    if (left.length === 0) return true;
    for (const { pid } of left) sendSignal(pid, 'SIGKILL');
    await sleep(20);
  }
  return false;
}

const inWords = (count: number): string => (count === 1 ? '1 GPU' : `${count} GPUs`);
