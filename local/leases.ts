import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InvalidInputError } from '../spec/errors.ts';
import { createExclusive, isMissing, readJsonIfThere, writeFileAtomic } from '../store/files.ts';
import { numbered } from '../store/layout.ts';
import { JOB_ID } from './job-folder.ts';
import { killMarked, processStart } from './processes.ts';

/**
 * Leases on resources that jobs of this machine must not share, in `<home>/leases/<resource>/NNNNN.json`. As with
 * claims, each lease has a new number and is created exclusively; the highest number is in force. A lease ends when its
 * supervisor releases it or is gone. A supervisor is identified by pid and start time, so a dead worker or a reused pid
 * does no harm.
 */
const Lease = z.object({
  job: z.string(),
  jobId: z.uuid(),
  pid: z.int(),
  start: z.string(),
  released: z.boolean().default(false),
});
export type Holder = Pick<z.infer<typeof Lease>, 'job' | 'jobId' | 'pid' | 'start'>;

export interface HeldLease {
  release(): Promise<void>;
}

const leasesDir = (home: string, resource: string): string => join(home, 'leases', resource);
const leasePath = (home: string, resource: string, number: number): string =>
  join(leasesDir(home, resource), `${numbered(number)}.json`);

/** The current holder of the resource; null when it is free. */
export async function holderOf(home: string, resource: string): Promise<Holder | null> {
  const latest = await latestLease(home, resource);
  return latest !== null && (await isInForce(latest.lease)) ? latest.lease : null;
}

/**
 * Takes the resource, or returns null if another job has it. First kills the processes that a dead supervisor left: a
 * GPU that they use is not free.
 */
export async function tryLease(home: string, resource: string, holder: Holder): Promise<HeldLease | null> {
  const latest = await latestLease(home, resource);
  if (latest !== null && !latest.lease.released) {
    if (await isInForce(latest.lease)) return null;
    await killMarked(JOB_ID, latest.lease.jobId);
  }
  const number = (latest?.number ?? -1) + 1;
  const path = leasePath(home, resource, number);
  if (!(await createExclusive(path, JSON.stringify(holder)))) return null;
  // Old numbers are removed. So the created number may be older than the one that is in force by now.
  const numbers = await listNumbers(home, resource);
  if (Math.max(...numbers) !== number) {
    await rm(path, { force: true });
    return null;
  }
  for (const old of numbers.filter((other) => other < number))
    await rm(leasePath(home, resource, old), { force: true });
  return { release: () => writeFileAtomic(path, JSON.stringify({ ...holder, released: true })) };
}

async function latestLease(
  home: string,
  resource: string,
): Promise<{ number: number; lease: z.infer<typeof Lease> } | null> {
  for (;;) {
    const number = (await listNumbers(home, resource)).at(-1);
    if (number === undefined) return null;
    const lease = await readJsonIfThere(leasePath(home, resource, number), Lease).catch(asReleased);
    if (lease !== null) return { number, lease }; // otherwise a later one has replaced it in between
  }
}

/** A lease that does not parse counts as released: its holder is unknown and could never release it. */
function asReleased(error: unknown): z.infer<typeof Lease> {
  if (!(error instanceof InvalidInputError)) throw error;
  return { job: '', jobId: '', pid: 0, start: '', released: true };
}

const isInForce = async ({ released, pid, start }: z.infer<typeof Lease>): Promise<boolean> =>
  !released && (await processStart(pid)) === start;

async function listNumbers(home: string, resource: string): Promise<number[]> {
  try {
    const names = await readdir(leasesDir(home, resource));
    return names
      .flatMap((name) => /^(\d{5,})\.json$/.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
