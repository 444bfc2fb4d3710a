import { rm, unlink } from 'node:fs/promises';
import PQueue from 'p-queue';
import type { Executor } from '../executor/index.ts';
import { findTemporaries, isMissing, releaseClaim, scanStore, type TemporaryFile } from '../store/index.ts';
import {
  type Finding,
  findGarbage,
  idOf,
  type Owner,
  type OwnerState,
  ownersToAsk,
  type Snapshot,
  type StrayProcess,
} from './garbage.ts';
import type { Owners } from './owners.ts';

/** Files and processes of an executor on this machine, beside the records of its jobs. */
export interface Machine {
  /** Folders in which the executor writes, and the maximum depth of temporary files in them. */
  readonly folders: readonly { readonly path: string; readonly depth: number }[];
  findStrays(): Promise<StrayProcess[]>;
  killStray(process: StrayProcess): Promise<void>;
}

export interface ReconcileTargets {
  readonly store: string;
  readonly executor: Pick<Executor, 'list' | 'suspend' | 'stop'>;
  /** Called for every round. */
  readonly owners: () => Promise<Owners>;
  /** Null for an executor without files and processes on this machine. */
  readonly machine: Machine | null;
}

/** A finding and how it was cleaned up. */
export interface Cleaned {
  readonly finding: Finding;
  /** What was done; in a dry run, what would be done. */
  readonly done: string;
  /** Why cleaning up failed; null on success. */
  readonly error: string | null;
}

export interface Reconciliation {
  readonly cleaned: readonly Cleaned[];
  /** What could not be read or determined. */
  readonly doubts: readonly string[];
}

export interface ReconcileOptions {
  /** Whether to only report what would be done. */
  readonly dryRun?: boolean;
  /** When it aborts, no further finding is cleaned up. */
  readonly signal?: AbortSignal;
  /** Called after each finding. */
  readonly onCleaned?: (cleaned: Cleaned) => void;
}

/**
 * One finding can lead to another: stopping a job makes its claim stale, and releasing the claim makes the scratch of
 * its attempt garbage.
 */
const MAX_ROUNDS = 3;
const CONCURRENT_REQUESTS = 8;

/**
 * Finds garbage and cleans it up. Every action may be repeated, also by several workers at once. What cannot be read is
 * reported in `doubts` and is never garbage.
 */
export async function reconcile(
  targets: ReconcileTargets,
  { dryRun = false, signal, onCleaned }: ReconcileOptions = {},
): Promise<Reconciliation> {
  const cleaned: Cleaned[] = [];
  const doubts = new Set<string>();
  for (let round = 0; round < (dryRun ? 1 : MAX_ROUNDS); round += 1) {
    const findings = (await findAll(targets, doubts)).filter(
      (finding) => !cleaned.some((one) => isSame(one.finding, finding)),
    );
    if (findings.length === 0) break;
    for (const finding of findings) {
      if (signal?.aborted) return { cleaned, doubts: [...doubts] };
      const error = dryRun ? null : await clean(finding, targets).then(() => null, errorMessage);
      const one: Cleaned = { finding, done: `${dryRun ? 'would be ' : ''}${DONE[finding.kind]}`, error };
      cleaned.push(one);
      onCleaned?.(one);
    }
  }
  return { cleaned, doubts: [...doubts] };
}

async function findAll(
  { store, executor, owners, machine }: ReconcileTargets,
  doubts: Set<string>,
): Promise<Finding[]> {
  const orUnknown = async <T>(doubt: string, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read();
    } catch (error) {
      doubts.add(`${doubt}: ${errorMessage(error)}`);
      return null;
    }
  };
  // Jobs are listed before claims: a claim always precedes its job, so no claim appears to be without a job that has
  // just started.
  const jobs = await orUnknown('cannot list jobs', () => executor.list());
  const strays = await orUnknown('cannot list processes', async () => (await machine?.findStrays()) ?? []);
  const temporaries: TemporaryFile[] = [];
  for (const { path, depth } of machine?.folders ?? []) {
    temporaries.push(...((await orUnknown(`cannot scan ${path}`, () => findTemporaries(path, depth))) ?? []));
  }
  const snapshot: Snapshot = {
    store: await orUnknown('cannot scan the store', () => scanStore(store)),
    temporaries,
    jobs,
    strays: strays ?? [],
    now: Date.now(),
  };
  return findGarbage(snapshot, await statesOf(snapshot, await owners(), doubts), isProcess);
}

async function statesOf(
  snapshot: Snapshot,
  { stateOf, doubt }: Owners,
  doubts: Set<string>,
): Promise<ReadonlyMap<string, OwnerState>> {
  if (doubt !== null) doubts.add(doubt);
  const states = new Map<string, OwnerState>();
  const queue = new PQueue({ concurrency: CONCURRENT_REQUESTS });
  const ask = async (owner: Owner): Promise<void> => void states.set(idOf(owner), await stateOf(owner));
  await queue.addAll(ownersToAsk(snapshot).map((owner) => () => ask(owner)));
  return states;
}

/** What is done with each kind of finding. */
const DONE = {
  'temporary-file': 'removed',
  'scratch-folder': 'removed',
  'stale-claim': 'released',
  'orphaned-job': 'stopped',
  'old-record': 'deleted',
  'stray-process': 'killed',
} as const satisfies Record<Finding['kind'], string>;

async function clean(finding: Finding, { executor, machine }: ReconcileTargets): Promise<void> {
  switch (finding.kind) {
    case 'temporary-file':
      return await unlink(finding.path).catch((error: unknown) => {
        if (!isMissing(error)) throw error; // another worker was faster
      });
    case 'scratch-folder':
      return await rm(finding.path, { recursive: true, force: true });
    case 'stale-claim':
      return await releaseClaim(finding.dir, finding.attempt);
    case 'orphaned-job':
      return await executor.suspend(finding.job);
    case 'old-record':
      return await executor.stop(finding.job);
    case 'stray-process':
      return await machine?.killStray(finding.process);
  }
}

/** Names the file, job or process of a finding. */
export function describeSubject(finding: Finding): string {
  switch (finding.kind) {
    case 'temporary-file':
    case 'scratch-folder':
      return finding.path;
    case 'stale-claim':
      return `${finding.dir}, attempt ${finding.attempt}`;
    case 'orphaned-job':
    case 'old-record':
      return finding.job;
    case 'stray-process':
      return `process ${finding.process.pid} (${finding.process.command})`;
  }
}

const isSame = (a: Finding, b: Finding): boolean => a.kind === b.kind && describeSubject(a) === describeSubject(b);

/** Whether this machine has a process with this pid, of any user. */
function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const errorMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));
