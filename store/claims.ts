import { readdir } from 'node:fs/promises';
import { z } from 'zod';
import { createExclusive, isMissing, readJson, writeFileAtomic } from './files.ts';
import { claimPath, claimsDir } from './layout.ts';

/**
 * Claims decide who may publish into a stage's folder: one file an attempt, created exclusively, and the highest number is in force.
 * Programs of a lower number find it before they publish, and write nothing (the fence of docs/architecture.md).
 */
export const Claim = z.object({
  attempt: z.int().min(0),
  owner: z.string().describe('Who runs the attempt: the campaign.'),
  execution: z.string().describe('Token of the request, so that asking twice takes one attempt.'),
  claimedAt: z.iso.datetime(),
  released: z.iso.datetime().optional().describe('When the owner gave it back: nothing of it runs any more.'),
});
export type Claim = z.infer<typeof Claim>;

/** Collisions in a row after which something else is wrong than a race. */
const MAX_COLLISIONS = 1000;

/**
 * Takes the next attempt of a stage.
 * @param owner - who runs it, for others to see
 * @param execution - token of this request: asking again with an equal owner and token returns the attempt taken then
 * @returns number of the attempt, from 0
 */
export async function claim(stageDir: string, owner: string, execution: string): Promise<number> {
  for (let collisions = 0; collisions < MAX_COLLISIONS; collisions += 1) {
    const attempts = await listAttempts(stageDir);
    const claims = await Promise.all(attempts.map((attempt) => readJson(claimPath(stageDir, attempt), Claim)));
    const mine = claims.find((other) => other.owner === owner && other.execution === execution);
    if (mine !== undefined) return mine.attempt;
    const attempt = (attempts.at(-1) ?? -1) + 1;
    const record: Claim = { attempt, owner, execution, claimedAt: new Date().toISOString() };
    if (await createExclusive(claimPath(stageDir, attempt), toJson(record))) return attempt;
  }
  throw new Error(`could not claim ${stageDir}: ${MAX_COLLISIONS} others were faster, one after the other`);
}

/**
 * Takes the attempt after the one that the caller has looked at, and no other: who is faster is not passed over unseen.
 * @param after - the latest attempt that the caller knows of; null for none
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
  return first === undefined ? null : (await readJson(claimPath(stageDir, first), Claim)).claimedAt;
}

/** The claim in force, or null where nobody has claimed the stage. */
export async function latestClaim(stageDir: string): Promise<Claim | null> {
  const latest = (await listAttempts(stageDir)).at(-1);
  return latest === undefined ? null : await readJson(claimPath(stageDir, latest), Claim);
}

/** Notes that nothing of this attempt runs any more, so that others need not wait for it. Done twice, the first time stands. */
export async function releaseClaim(stageDir: string, attempt: number): Promise<void> {
  const path = claimPath(stageDir, attempt);
  const held = await readJson(path, Claim);
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
