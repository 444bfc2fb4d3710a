import { readdir, stat } from 'node:fs/promises';
import { z } from 'zod';
import { InvalidInputError } from '../spec/errors.ts';
import { createExclusive, isMissing, keepUnreadable, readJson, writeFileAtomic } from './files.ts';
import { claimPath, claimsDir } from './layout.ts';

/**
 * Claims decide who may publish into a stage's folder: one file an attempt, created exclusively, and the highest number is in force.
 * Programs of a lower number find it before they publish, and write nothing (the fence of docs/architecture.md).
 *
 * What is assumed of the file system, besides what files.ts assumes, is that of two who create one name exactly one succeeds. That is
 * decided by the server of a network file system, not by its clients, so no claim is ever made twice. Locks (`flock`, `fcntl`) are not
 * used: over NFS they can be lost, or held by the dead. A *listing* may be old there (Linux keeps one for up to a minute, `acdirmax` of
 * nfs(5)). Who claims then runs into the name that it did not see, and looks again. Who looks whether it is fenced may not see the newest
 * claim yet, and publish once more: docs/architecture.md, "Fences", says why no harm comes of it.
 */
/** Temporal is asked for an owner by this text: anything else would be asked for, for ever. Longest ids of our own: 330. *Ours*. */
const line = () =>
  z
    .string()
    .max(400)
    .regex(/^\P{C}*$/u, 'expected text on one line');

export const Claim = z.object({
  attempt: z.int().min(0),
  owner: line().describe('Who runs the attempt: the campaign.'),
  execution: line().describe('Token of the request, so that asking twice takes one attempt.'),
  claimedAt: z.iso.datetime(),
  released: z.iso.datetime().optional().describe('When the owner gave it back: nothing of it runs any more.'),
});
export type Claim = z.infer<typeof Claim>;

/**
 * The claim in force as it is found. The number of one whose file does not parse (cut by a crash, written by another hand) is taken all the
 * same, and fences those before it; whose it is, nobody knows: `owner` and `execution` are empty then.
 */
export interface FoundClaim extends Claim {
  /** Why the file cannot be read, with its name; not set where it can. */
  readonly unreadable?: string;
}

/**
 * Takes the attempt after the one that the caller has looked at, and no other: who is faster is not passed over unseen.
 * @param after - the latest attempt that the caller knows of; null for none
 * @param owner - who runs it, for others to see: the id of the stage's workflow
 * @param execution - token of this request, so that asking twice takes one attempt
 * @returns the attempt (that taken earlier, if it was asked with this token before), or null when another has come between
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

/** When the stage was claimed for the first time; null where it never was. */
export async function firstClaimedAt(stageDir: string): Promise<string | null> {
  const first = (await listAttempts(stageDir))[0];
  return first === undefined ? null : (await readClaim(stageDir, first)).claimedAt;
}

/** The claim in force, or null where nobody has claimed the stage. */
export async function latestClaim(stageDir: string): Promise<FoundClaim | null> {
  const latest = (await listAttempts(stageDir)).at(-1);
  return latest === undefined ? null : await readClaim(stageDir, latest);
}

/** An empty file younger than this is taken for one that is being written: where there are no hard links, the name comes first. *Ours*. */
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

/** Notes that nothing of this attempt runs any more, so that others need not wait for it. Done twice, the first time stands. */
export async function releaseClaim(stageDir: string, attempt: number): Promise<void> {
  const path = claimPath(stageDir, attempt);
  const { unreadable, ...held } = await readClaim(stageDir, attempt);
  if (unreadable !== undefined) await keepUnreadable(path);
  if (held.released === undefined) await writeFileAtomic(path, toJson({ ...held, released: new Date().toISOString() }));
}

/** Whether a later attempt has been claimed: the caller must not publish. */
export async function isFenced(stageDir: string, attempt: number): Promise<boolean> {
  return ((await listAttempts(stageDir)).at(-1) ?? -1) > attempt;
}

/** Numbers of the attempts, ascending. The names say them, so that the fence needs no content. */
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
