import type { JobSummary } from '../executor/index.ts';
import type { Scratch, StageScan, StoreScan, TemporaryFile } from '../store/index.ts';

/**
 * What is garbage: a pure function over what was seen. The rule above all others: nothing that a live or paused campaign needs is ever
 * named here, and where something is not known, it is taken to be needed.
 */

/**
 * Whether the workflow is there that asked for a job or claimed a stage. `unknown`: Temporal did not answer, or cannot know; nothing is
 * concluded from it.
 */
export type OwnerState = 'running' | 'closed' | 'unknown';

/** The workflow of a stage, `<campaign>/<stage>`, and the first of its runs where one is meant and no later workflow of the same id. */
export interface Owner {
  readonly workflowId: string;
  readonly firstRun: string | null;
}

/** A process of a job that has no record any more. */
export interface StrayProcess {
  readonly pid: number;
  /** Tells the process from a later one of the same pid. */
  readonly start: string;
  readonly job: string;
  readonly command: string;
}

/** What was seen; null where it could not be looked at. */
export interface Seen {
  readonly store: StoreScan | null;
  /** Temporary files outside of the store. */
  readonly temporaries: readonly TemporaryFile[];
  readonly jobs: readonly JobSummary[] | null;
  readonly strays: readonly StrayProcess[];
  /** The present, in ms since the epoch. */
  readonly now: number;
}

/** Something to be cleaned up: what it is, and why nobody needs it. */
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
/** No file takes this long from its first byte to its rename; *ours*. */
export const TEMPORARY_AGE_MS = HOUR_MS;
/** Records of ended jobs are kept this long for a person who asks what became of one; *ours*. */
export const RECORD_AGE_MS = 7 * DAY_MS;

/** The owners whose state {@link findGarbage} has to know. */
export function ownersToAsk({ store, jobs, now }: Seen): Owner[] {
  const ofClaims = (store?.stages ?? [])
    .filter(isClaimed)
    .map(({ claim }) => ({ workflowId: claim.owner, firstRun: null }));
  const ofJobs = (jobs ?? []).filter((job) => isAtWork(job) || isOld(job, now)).map(ownerOf);
  return [...new Map([...ofClaims, ...ofJobs].map((owner) => [idOf(owner), owner])).values()];
}

/**
 * @param owners - states by {@link idOf}; one that is missing is unknown
 * @param isRunning - whether this machine has a process of the pid: files of those that are being written are left alone
 */
export function findGarbage(
  seen: Seen,
  owners: ReadonlyMap<string, OwnerState>,
  isRunning: (pid: number) => boolean,
): Finding[] {
  const { store, jobs, temporaries, strays, now } = seen;
  const isClosed = (owner: Owner): boolean => owners.get(idOf(owner)) === 'closed';
  return [
    ...[...(store?.temporaries ?? []), ...temporaries]
      .filter(({ ageMs, writer }) => ageMs > TEMPORARY_AGE_MS && !isRunning(writer))
      .map(
        ({ path, ageMs }): Finding => ({ kind: 'temporary-file', path, why: `not written to for ${inHours(ageMs)}` }),
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

/** Of attempts that cannot be at work any more. One whose name does not tell the attempt, only where none is, and late. */
function scratchOf({ isFinished, claim, scratch }: StageScan): Finding[] {
  const over = isFinished || claim === null || claim.released !== undefined;
  const latest = claim?.attempt ?? -1;
  const whyOf = ({ attempt, ageMs }: Scratch): string | null => {
    if (attempt === null)
      return over && ageMs > TEMPORARY_AGE_MS ? `nobody is at the stage, for ${inHours(ageMs)}` : null;
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

/** Whether somebody holds the stage. A finished one holds nobody up, whatever its claims say. */
const isClaimed = (stage: StageScan): stage is Claimed =>
  !stage.isFinished && stage.claim !== null && stage.claim.released === undefined;

function staleClaimOf(stage: StageScan, jobs: readonly JobSummary[], isClosed: (owner: Owner) => boolean): Finding[] {
  if (!isClaimed(stage)) return [];
  const { owner, attempt } = stage.claim;
  const atWork = jobs.some((job) => job.key === stage.key && job.attempt === attempt && isAtWork(job));
  if (atWork || !isClosed({ workflowId: owner, firstRun: null })) return [];
  return [{ kind: 'stale-claim', dir: stage.dir, attempt, owner, why: `${owner} is closed, and no job of it runs` }];
}

function garbageOfJob(job: JobSummary, now: number, isClosed: boolean): Finding[] {
  if (!isClosed) return [];
  const { workflowId } = ownerOf(job);
  if (isAtWork(job))
    return [{ kind: 'orphaned-job', job: job.name, why: `${workflowId}, which asked for it, is closed` }];
  if (!isOld(job, now)) return [];
  return [
    { kind: 'old-record', job: job.name, why: `it has ended, ${workflowId} too, and it is from ${job.submittedAt}` },
  ];
}

const ownerOf = ({ campaign, stage, ownerRun }: JobSummary): Owner => ({
  workflowId: `${campaign}/${stage}`,
  // Records of earlier versions have none.
  firstRun: ownerRun ?? null,
});

const isAtWork = ({ phase }: JobSummary): boolean => phase === 'pending' || phase === 'running';
const isOld = ({ submittedAt }: JobSummary, now: number): boolean => now - Date.parse(submittedAt) > RECORD_AGE_MS;

/** To the nearest hour: the age of a file is a fraction of a millisecond off, and 2 h less that is no hour. */
const inHours = (ms: number): string => `${Math.round(ms / HOUR_MS)} h`;
