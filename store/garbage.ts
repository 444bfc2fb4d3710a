import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Claim, latestClaim } from './claims.ts';
import { isMissing } from './files.ts';
import { checkpointsDir, dataDir, manifestPath, stageDir } from './layout.ts';

/**
 * What killed processes may have left in a store, looked at and not judged: the reconciler decides what of it is garbage. Nothing here
 * ever lies under a name that a reader looks for: manifests, parts, data, journals, checkpoints and logs are not even listed.
 */
export interface StoreLook {
  readonly temporaries: readonly Temporary[];
  readonly stages: readonly StageLook[];
}

/** A file that was to be renamed into place. */
export interface Temporary {
  readonly path: string;
  readonly ageMs: number;
  /** Pid of who wrote it, on its machine. */
  readonly writer: number;
}

export interface StageLook {
  /** The stage's folder. */
  readonly dir: string;
  readonly key: string;
  readonly isFinished: boolean;
  readonly claim: Claim | null;
  readonly scratch: readonly Scratch[];
}

/** A folder that was to be renamed into place, or was renamed out of it. */
export interface Scratch {
  readonly path: string;
  readonly ageMs: number;
  /** Whose it is; null where the name does not tell. */
  readonly attempt: number | null;
}

/** Names of `writeFileAtomic` and `createExclusive` (files.ts), and of `write_json` (trainers/orrery_trainers/store/files.py). */
const TEMPORARY = [/^\..+\.(\d+)-[0-9a-f]{8}\.tmp$/, /^\..+\.(\d+)$/];
/** Folders of trainers: a checkpoint being saved, a policy being written; see scratch_folder and _publish of trainers/. */
const SCRATCH_OF_ATTEMPT = [/^\.attempt-(\d+)$/, /^\.policy\.(\d+)$/];
/** What is whole, and large: never looked into. */
const WHOLE = /^step-/;
/** Folders below a stage's: `logs/attempt-0/diagnosis` is the deepest. */
const DEPTH = 3;

/**
 * Looks through a store. A stage whose claim does not parse is left out, for nothing can be concluded of it.
 * @throws the error of the file system when the store cannot be read, or not written to: then it has no clock
 */
export async function lookThroughStore(store: string): Promise<StoreLook> {
  const now = await clockOf(store);
  const stages: StageLook[] = [];
  const temporaries = await temporariesBelow(join(store, 'campaigns'), now, 1);
  for (const key of await namesIn(join(store, 'stages'))) {
    const dir = stageDir(store, key);
    temporaries.push(...(await temporariesBelow(dir, now, DEPTH)));
    const claim = await latestClaim(dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EBUSY') return 'being written' as const;
      throw error;
    });
    if (claim === 'being written' || claim?.unreadable !== undefined) continue;
    const isFinished = (await ageOf(manifestPath(dir), now)) !== null;
    stages.push({ dir, key, isFinished, claim, scratch: await scratchOf(dir, now) });
  }
  return { temporaries, stages };
}

/** Temporary files of another folder and of those in it, down to `depth`; by the clock of its own file system. */
export async function lookForTemporaries(folder: string, depth: number): Promise<Temporary[]> {
  return (await entriesOf(folder)).length === 0 ? [] : await temporariesBelow(folder, await clockOf(folder), depth);
}

/**
 * The present by the file system's own clock, in ms since the epoch: that of a file written just now. Times of files are told by the
 * machine that holds them, and the clock of this one may be another, or have been set since.
 */
async function clockOf(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `.clock.${process.pid}-${randomUUID().slice(0, 8)}.tmp`);
  try {
    await using file = await open(path, 'wx');
    await file.writeFile('now\n');
    return (await file.stat()).mtimeMs;
  } finally {
    await unlink(path).catch(() => {});
  }
}

async function temporariesBelow(folder: string, now: number, depth: number): Promise<Temporary[]> {
  const found: Temporary[] = [];
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const isWhole = WHOLE.test(entry.name) || entry.name.startsWith('.');
      if (depth > 0 && !isWhole) found.push(...(await temporariesBelow(path, now, depth - 1)));
      continue;
    }
    const writer = numberIn(entry.name, TEMPORARY);
    const ageMs = writer === null ? null : await ageOf(path, now);
    if (writer !== null && ageMs !== null) found.push({ path, ageMs, writer });
  }
  return found;
}

async function scratchOf(dir: string, now: number): Promise<Scratch[]> {
  const found: Scratch[] = [];
  for (const folder of [checkpointsDir(dir), dataDir(dir)]) {
    for (const entry of await entriesOf(folder)) {
      if (!entry.isDirectory() || !entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      const ageMs = await ageOf(path, now);
      if (ageMs !== null) found.push({ path, ageMs, attempt: numberIn(entry.name, SCRATCH_OF_ATTEMPT) });
    }
  }
  return found;
}

/** Null when it is not there, or no more. */
async function ageOf(path: string, now: number): Promise<number | null> {
  try {
    return now - (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

const namesIn = async (folder: string): Promise<string[]> => (await entriesOf(folder)).map(({ name }) => name);

function numberIn(name: string, patterns: readonly RegExp[]): number | null {
  for (const pattern of patterns) {
    const digits = pattern.exec(name)?.[1];
    if (digits !== undefined) return Number(digits);
  }
  return null;
}
