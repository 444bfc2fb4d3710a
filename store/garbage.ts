import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Claim, latestClaim } from './claims.ts';
import { isMissing } from './files.ts';
import { checkpointsDir, dataDir, manifestPath, stageDir } from './layout.ts';

/**
 * Files, folders and claims in a store that killed processes may have left behind. The reconciler decides which of them
 * are garbage. Manifests, parts, data, journals, checkpoints and logs are never listed here.
 */
export interface StoreScan {
  readonly temporaries: readonly TemporaryFile[];
  readonly stages: readonly StageScan[];
}

/** A temporary file, which its writer would rename when it is complete. */
export interface TemporaryFile {
  readonly path: string;
  readonly ageMs: number;
  /** Pid of the process that wrote it, on the machine of that process. */
  readonly writer: number;
}

export interface StageScan {
  /** The stage's folder. */
  readonly dir: string;
  readonly key: string;
  readonly isFinished: boolean;
  readonly claim: Claim | null;
  readonly scratch: readonly Scratch[];
}

/** A temporary folder: it would be renamed when complete, or was renamed before being removed. */
export interface Scratch {
  readonly path: string;
  readonly ageMs: number;
  /** The attempt that made it; null if the name does not tell. */
  readonly attempt: number | null;
}

/**
 * Names of temporary files, as given by `writeFileAtomic` and `createExclusive` (files.ts) and by `write_json`
 * (trainers/orrery_trainers/store/files.py).
 */
const TEMPORARY_NAMES = [/^\..+\.(\d+)-[0-9a-f]{8}\.tmp$/, /^\..+\.(\d+)$/];
/**
 * Temporary folders of trainers, for a checkpoint or a policy that is being written (`scratch_folder` and `_publish` in
 * trainers/).
 */
const SCRATCH_NAMES = [/^\.attempt-(\d+)$/, /^\.policy\.(\d+)$/];
/** Complete checkpoints. They are large and contain no temporary files, so they are not searched. */
const CHECKPOINT_NAME = /^step-/;
/** Maximum depth of folders below the folder of a stage. The deepest is `logs/attempt-0/diagnosis`. */
const DEPTH = 3;

/**
 * Scans a store for leftovers. A stage whose claim does not parse is skipped, because its owner is unknown.
 * @throws the error of the file system if the store cannot be read or written. It must be writable to find out the time
 *   of its file system
 */
export async function scanStore(store: string): Promise<StoreScan> {
  const now = await fileSystemTime(store);
  const stages: StageScan[] = [];
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

/**
 * Temporary files in a folder and its subfolders down to `depth`. Their age is measured with the clock of their file
 * system.
 */
export async function findTemporaries(folder: string, depth: number): Promise<TemporaryFile[]> {
  return (await entriesOf(folder)).length === 0
    ? []
    : await temporariesBelow(folder, await fileSystemTime(folder), depth);
}

/**
 * The current time of a file system in ms since the epoch, taken from a new file. A file server sets the times of its
 * files by its own clock, which may differ from the clock of this machine.
 */
async function fileSystemTime(folder: string): Promise<number> {
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

async function temporariesBelow(folder: string, now: number, depth: number): Promise<TemporaryFile[]> {
  const found: TemporaryFile[] = [];
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const isSkipped = CHECKPOINT_NAME.test(entry.name) || entry.name.startsWith('.');
      if (depth > 0 && !isSkipped) found.push(...(await temporariesBelow(path, now, depth - 1)));
      continue;
    }
    const writer = numberIn(entry.name, TEMPORARY_NAMES);
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
      if (ageMs !== null) found.push({ path, ageMs, attempt: numberIn(entry.name, SCRATCH_NAMES) });
    }
  }
  return found;
}

/** The age of a file; null if it is missing. */
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
