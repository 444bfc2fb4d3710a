import type { JobSummary } from '../executor/index.ts';
import type { Scratch, StageScan, StoreScan, TemporaryFile } from '../store/index.ts';

/**
 * Decides what is garbage, as a pure function of a snapshot. The most important rule: nothing that a running or paused
 * campaign needs is ever garbage, and anything unknown counts as needed.
 */

/**
 * State of the workflow that submitted a job or claimed a stage. `unknown`: Temporal did not answer, or it is not the
 * Temporal of this store. An unknown owner may still be running.
 */
export type OwnerState = 'running' | 'closed' | 'unknown';

/**
 * The workflow of a stage, `<campaign>/<stage>`. `firstRun` selects one workflow among several of this id; null means
 * any of them.
 */
export interface Owner {
  readonly workflowId: string;
  readonly firstRun: string | null;
}

/** A process of a job whose record is gone. */
export interface StrayProcess {
  readonly pid: number;
  /** Start time, which distinguishes the process from a later one with the same pid. */
  readonly start: string;
  readonly job: string;
  readonly command: string;
}

/** Everything that the decision depends on. A null field could not be read. */
export interface Snapshot {
  readonly store: StoreScan | null;
  /** Temporary files outside of the store. */
  readonly temporaries: readonly TemporaryFile[];
  readonly jobs: readonly JobSummary[] | null;
  readonly strays: readonly StrayProcess[];
  /** Current time in ms since the epoch. */
  readonly now: number;
}

/** One piece of garbage, and why nobody needs it. */
export type Finding = { readonly why: string } & (
  | { readonly kind: 'temporary-file'; readonly path: string }
  | { readonly kind: 'scratch-folder'; readonly path: string }
  | { readonly kind: 'stale-claim'; readonly dir: string; readonly attempt: number; readonly owner: string }
  | { readonly kind: 'orphaned-job'; readonly job: string }
  | { readonly kind: 'old-record'; readonly job: string }
  | { readonly kind: 'stray-process'; readonly process: StrayProcess }
);

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Temporary files older than this are garbage. No write takes this long from its first byte to its rename. *Ours*. */
export const TEMPORARY_AGE_MS = HOUR_MS;
/** How long records of ended jobs are kept, so that a person can still inspect them. *Ours*. */
export const RECORD_AGE_MS = 7 * DAY_MS;

/** The owners whose state {@link findGarbage} needs. */
export function ownersToAsk({ store, jobs, now }: Snapshot): Owner[] {
  const ofClaims = (store?.stages ?? [])
    .filter(isClaimed)
    .map(({ claim }) => ({ workflowId: claim.owner, firstRun: null }));
  const ofJobs = (jobs ?? []).filter((job) => isAtWork(job) || isOld(job, now)).map(ownerOf);
  return [...new Map([...ofClaims, ...ofJobs].map((owner) => [idOf(owner), owner])).values()];
}

/**
 * Finds all garbage in a snapshot.
 * @param owners - states of the owners by {@link idOf}; a missing owner is unknown
 * @param isRunning - whether this machine has a process with this pid. Temporary files of a running process are not
 *   garbage
 */
export function findGarbage(
  snapshot: Snapshot,
  owners: ReadonlyMap<string, OwnerState>,
  isRunning: (pid: number) => boolean,
): Finding[] {
  const { store, jobs, temporaries, strays, now } = snapshot;
  const isClosed = (owner: Owner): boolean => owners.get(idOf(owner)) === 'closed';
  return [
    ...[...(store?.temporaries ?? []), ...temporaries]
      .filter(({ ageMs, writer }) => ageMs > TEMPORARY_AGE_MS && !isRunning(writer))
      .map(
        ({ path, ageMs }): Finding => ({ kind: 'temporary-file', path, why: `not written for ${formatHours(ageMs)}` }),
      ),
    ...(store?.stages ?? []).flatMap(scratchOf),
    ...(jobs === null ? [] : (store?.stages ?? []).flatMap((stage) => staleClaimOf(stage, jobs, isClosed))),
    ...(jobs ?? []).flatMap((job) => garbageOfJob(job, now, isClosed(ownerOf(job)))),
    ...strays.map(
      (process): Finding => ({ kind: 'stray-process', process, why: `its job ${process.job} has no record` }),
    ),
  ];
}

export const idOf = ({ workflowId, firstRun }: Owner): string => JSON.stringify([workflowId, firstRun]);

/**
 * Scratch folders of attempts that can no longer run. A folder whose name does not contain its attempt is garbage only
 * if it is old and no attempt runs.
 */
function scratchOf({ isFinished, claim, scratch }: StageScan): Finding[] {
  const over = isFinished || claim === null || claim.released !== undefined;
  const latest = claim?.attempt ?? -1;
  const whyOf = ({ attempt, ageMs }: Scratch): string | null => {
    if (attempt === null)
      return over && ageMs > TEMPORARY_AGE_MS ? `no attempt runs, and it is ${formatHours(ageMs)} old` : null;
    if (attempt < latest) return `attempt ${latest} has claimed the stage after attempt ${attempt}`;
    if (attempt > latest || !over) return null;
    return isFinished ? 'the stage is finished' : `attempt ${attempt} was released`;
  };
  return scratch.flatMap((one): Finding[] => {
    const why = whyOf(one);
    return why === null ? [] : [{ kind: 'scratch-folder', path: one.path, why }];
  });
}

type Claimed = StageScan & { readonly claim: NonNullable<StageScan['claim']> };

/** Whether the stage is claimed. The claims of a finished stage do not count, because they block nobody. */
const isClaimed = (stage: StageScan): stage is Claimed =>
  !stage.isFinished && stage.claim !== null && stage.claim.released === undefined;

function staleClaimOf(stage: StageScan, jobs: readonly JobSummary[], isClosed: (owner: Owner) => boolean): Finding[] {
  if (!isClaimed(stage)) return [];
  const { owner, attempt } = stage.claim;
  const atWork = jobs.some((job) => job.key === stage.key && job.attempt === attempt && isAtWork(job));
  if (atWork || !isClosed({ workflowId: owner, firstRun: null })) return [];
  return [{ kind: 'stale-claim', dir: stage.dir, attempt, owner, why: `${owner} is closed and has no running job` }];
}

function garbageOfJob(job: JobSummary, now: number, isClosed: boolean): Finding[] {
  if (!isClosed) return [];
  const { workflowId } = ownerOf(job);
  if (isAtWork(job)) return [{ kind: 'orphaned-job', job: job.name, why: `its owner ${workflowId} is closed` }];
  if (!isOld(job, now)) return [];
  return [
    {
      kind: 'old-record',
      job: job.name,
      why: `the job has ended, its owner ${workflowId} is closed, and it is from ${job.submittedAt}`,
    },
  ];
}

const ownerOf = ({ campaign, stage, ownerRun }: JobSummary): Owner => ({
  workflowId: `${campaign}/${stage}`,
  // Records of earlier versions have none.
  firstRun: ownerRun ?? null,
});

const isAtWork = ({ phase }: JobSummary): boolean => phase === 'pending' || phase === 'running';
const isOld = ({ submittedAt }: JobSummary, now: number): boolean => now - Date.parse(submittedAt) > RECORD_AGE_MS;

/** Rounds to whole hours: measured ages are off by a fraction of a millisecond, so flooring could show 2 h as 1 h. */
const formatHours = (ms: number): string => `${Math.round(ms / HOUR_MS)} h`;
