import { rm, unlink } from 'node:fs/promises';
import type { Executor } from '../executor/index.ts';
import { findTemporaries, isMissing, releaseClaim, scanStore, type TemporaryFile } from '../store/index.ts';
import {
  type Finding,
  findGarbage,
  idOf,
  type OwnerState,
  ownersToAsk,
  type Seen,
  type StrayProcess,
} from './garbage.ts';
import type { Owners } from './owners.ts';

/** What an executor of this machine keeps here, beside the records of its jobs. */
export interface Machine {
  /** Folders in which it writes, and how deep temporary files may lie in them. */
  readonly folders: readonly { readonly path: string; readonly depth: number }[];
  findStrays(): Promise<StrayProcess[]>;
  killStray(process: StrayProcess): Promise<void>;
}

export interface Reconcilable {
  readonly store: string;
  readonly executor: Pick<Executor, 'list' | 'suspend' | 'stop'>;
  /** Asked anew each time. */
  readonly owners: () => Promise<Owners>;
  /** Null for an executor that keeps nothing on this machine. */
  readonly machine: Machine | null;
}

/** A finding, and what became of it. */
export interface Cleaned {
  readonly finding: Finding;
  /** What was done, in words; what would be, when nothing is to be done. */
  readonly done: string;
  /** Why it could not be done; null if it was. */
  readonly error: string | null;
}

export interface Reconciliation {
  readonly cleaned: readonly Cleaned[];
  /** What could not be looked at, or not be known, in words. */
  readonly doubts: readonly string[];
}

export interface ReconcileOptions {
  /** Only say what would be done. */
  readonly dryRun?: boolean;
  /** Nothing further is begun once it aborts. */
  readonly signal?: AbortSignal;
  /** Told of each finding that has been seen to. */
  readonly onCleaned?: (cleaned: Cleaned) => void;
}

/** A job that is stopped makes a claim stale, and that the scratch of its attempt garbage. */
const MAX_ROUNDS = 3;
const ASKED_AT_ONCE = 8;

/**
 * Finds garbage and cleans it up. Every action may be done twice, and by several workers at once. What cannot be looked at is passed over,
 * and told: of it nothing is concluded.
 */
export async function reconcile(
  things: Reconcilable,
  { dryRun = false, signal, onCleaned }: ReconcileOptions = {},
): Promise<Reconciliation> {
  const cleaned: Cleaned[] = [];
  const doubts = new Set<string>();
  for (let round = 0; round < (dryRun ? 1 : MAX_ROUNDS); round += 1) {
    const findings = (await look(things, doubts)).filter(
      (finding) => !cleaned.some((one) => isSame(one.finding, finding)),
    );
    if (findings.length === 0) break;
    for (const finding of findings) {
      if (signal?.aborted) return { cleaned, doubts: [...doubts] };
      const error = dryRun ? null : await clean(finding, things).then(() => null, messageOf);
      const one: Cleaned = { finding, done: `${dryRun ? 'would be ' : ''}${DONE[finding.kind]}`, error };
      cleaned.push(one);
      onCleaned?.(one);
    }
  }
  return { cleaned, doubts: [...doubts] };
}

async function look({ store, executor, owners, machine }: Reconcilable, doubts: Set<string>): Promise<Finding[]> {
  const tried = async <T>(what: string, act: () => Promise<T>): Promise<T | null> => {
    try {
      return await act();
    } catch (error) {
      doubts.add(`${what}: ${messageOf(error)}`);
      return null;
    }
  };
  // Jobs before claims: a job that begins in between has its claim already.
  const jobs = await tried('jobs cannot be listed', () => executor.list());
  const strays = await tried('processes cannot be looked at', async () => (await machine?.findStrays()) ?? []);
  const temporaries: TemporaryFile[] = [];
  for (const { path, depth } of machine?.folders ?? []) {
    temporaries.push(...((await tried(`${path} cannot be looked through`, () => findTemporaries(path, depth))) ?? []));
  }
  const seen: Seen = {
    store: await tried('the store cannot be looked through', () => scanStore(store)),
    ...{ temporaries, jobs, strays: strays ?? [], now: Date.now() },
  };
  return findGarbage(seen, await statesOf(seen, await owners(), doubts), isProcess);
}

async function statesOf(
  seen: Seen,
  { stateOf, doubt }: Owners,
  doubts: Set<string>,
): Promise<ReadonlyMap<string, OwnerState>> {
  if (doubt !== null) doubts.add(doubt);
  const states = new Map<string, OwnerState>();
  const left = ownersToAsk(seen).values();
  const askInTurn = async (): Promise<void> => {
    for (const owner of left) states.set(idOf(owner), await stateOf(owner));
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askInTurn));
  return states;
}

/** What becomes of a finding. */
const DONE = {
  'temporary-file': 'removed',
  'scratch-folder': 'removed',
  'stale-claim': 'released',
  'orphaned-job': 'stopped',
  'old-record': 'forgotten',
  'stray-process': 'killed',
} as const satisfies Record<Finding['kind'], string>;

async function clean(finding: Finding, { executor, machine }: Reconcilable): Promise<void> {
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

/** What a finding is about, in words. */
export function subjectOf(finding: Finding): string {
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

const isSame = (a: Finding, b: Finding): boolean => a.kind === b.kind && subjectOf(a) === subjectOf(b);

/** Whether this machine has a process of the pid, whoever's. */
function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
