import { readdir, stat } from 'node:fs/promises';
import { z } from 'zod';
import { InvalidInputError } from '../spec/errors.ts';
import { copyUnreadable, createExclusive, isMissing, readJson, writeFileAtomic } from './files.ts';
import { claimPath, claimsDir } from './layout.ts';

/**
 * Claims decide which attempt may publish into the folder of a stage. There is one file per attempt, created
 * exclusively, and the highest number is the current claim. A program with a lower number finds the newer claim before
 * it publishes, and then writes nothing (see "Fences" in docs/architecture.md).
 *
 * Besides the assumptions of files.ts, claims assume that exactly one of several processes succeeds in creating a name.
 * On a network file system the server decides this, so no claim is ever taken twice. Locks (`flock`, `fcntl`) are not
 * used, because NFS can lose them or keep them for a dead client. A *listing* on NFS may be outdated: Linux caches it
 * for up to a minute (`acdirmax` of nfs(5)). A process that misses a claim for this reason fails to create the next one
 * and lists again. A process that checks whether it is fenced may miss the newest claim and publish once more;
 * docs/architecture.md explains why that is harmless.
 */

/**
 * Text for ids. Temporal must accept it as the id of a workflow. The longest ids of orrery have 330 characters. *Ours*.
 */
const line = () =>
  z
    .string()
    .max(400)
    .regex(/^\P{C}*$/u, 'expected text on one line');

export const Claim = z.object({
  attempt: z.int().min(0),
  owner: line().describe('Id of the workflow that runs the attempt.'),
  execution: line().describe('Token of the request, so that a repeated request gets the same attempt.'),
  claimedAt: z.iso.datetime(),
  released: z.iso
    .datetime()
    .optional()
    .describe('When the owner released the claim, after all processes of the attempt had ended.'),
});
export type Claim = z.infer<typeof Claim>;

/**
 * The current claim. A claim file that does not parse (cut by a crash, or edited by hand) still takes its number and
 * fences lower ones. Its owner is unknown, so `owner` and `execution` are empty.
 */
export interface FoundClaim extends Claim {
  /** Why the file cannot be read, including its path; not set for a readable file. */
  readonly unreadable?: string;
}

/**
 * Claims the attempt that follows `after`. If somebody else claimed that attempt first, nothing is claimed, so the
 * caller never overlooks a claim.
 * @param after - the latest attempt that the caller knows of; null for none
 * @param owner - id of the stage's workflow
 * @param execution - token of this request, so that a repeated request gets the same attempt
 * @returns the attempt, also when an earlier request with this token claimed it; null when somebody else was faster
 */
export async function claimAfter(
  stageDir: string,
  after: number | null,
  owner: string,
  execution: string,
): Promise<number | null> {
  const latest = await latestClaim(stageDir);
  if (latest !== null && latest.owner === owner && latest.execution === execution) return latest.attempt;
  if ((latest?.attempt ?? null) !== after) return null;
  const attempt = (after ?? -1) + 1;
  const record: Claim = { attempt, owner, execution, claimedAt: new Date().toISOString() };
  return (await createExclusive(claimPath(stageDir, attempt), toJson(record))) ? attempt : null;
}

/** When the stage was first claimed; null if never. */
export async function firstClaimedAt(stageDir: string): Promise<string | null> {
  const first = (await listAttempts(stageDir))[0];
  return first === undefined ? null : (await readClaim(stageDir, first)).claimedAt;
}

/** The current claim; null for a stage that nobody has claimed. */
export async function latestClaim(stageDir: string): Promise<FoundClaim | null> {
  const latest = (await listAttempts(stageDir)).at(-1);
  return latest === undefined ? null : await readClaim(stageDir, latest);
}

/**
 * An empty file younger than this counts as being written, because file systems without hard links create the name
 * before the content. *Ours*.
 */
const WRITING_MS = 10_000;

async function readClaim(stageDir: string, attempt: number): Promise<FoundClaim> {
  const path = claimPath(stageDir, attempt);
  try {
    return await readJson(path, Claim);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const found = await stat(path);
    const { size, mtimeMs, mtime } = found;
    if (found.isFile() && size === 0 && Math.abs(Date.now() - mtimeMs) < WRITING_MS) {
      throw Object.assign(new Error(`${path} is being written`), { code: 'EBUSY' });
    }
    return { attempt, owner: '', execution: '', claimedAt: mtime.toISOString(), unreadable: error.message };
  }
}

/**
 * Records that all processes of this attempt have ended, so that others need not wait for it. A second call keeps the
 * first time.
 */
export async function releaseClaim(stageDir: string, attempt: number): Promise<void> {
  const path = claimPath(stageDir, attempt);
  const { unreadable, ...claim } = await readClaim(stageDir, attempt);
  if (unreadable !== undefined) await copyUnreadable(path);
  if (claim.released === undefined) {
    await writeFileAtomic(path, toJson({ ...claim, released: new Date().toISOString() }));
  }
}

/** Whether a later attempt has been claimed. If so, the caller must not publish. */
export async function isFenced(stageDir: string, attempt: number): Promise<boolean> {
  return ((await listAttempts(stageDir)).at(-1) ?? -1) > attempt;
}

/** Numbers of the claimed attempts, ascending. They come from the file names, so the fence reads no content. */
async function listAttempts(stageDir: string): Promise<number[]> {
  try {
    const names = await readdir(claimsDir(stageDir));
    return names
      .flatMap((name) => /^(\d{5,})\.json$/.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

const toJson = (record: Claim): string => `${JSON.stringify(record)}\n`;
