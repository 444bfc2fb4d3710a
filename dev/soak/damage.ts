import { open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256OfValue } from './checker/read.ts';
import type { Random } from './random.ts';

/** Damages files of a store like a bad disk or a torn write. */

const stageDir = (store: string, key: string): string => join(store, 'stages', key);

/**
 * Damages the newest checkpoint of a stage in one of four ways.
 * @returns a description of the damage; null without a checkpoint
 */
export async function damageNewestCheckpoint(store: string, key: string, random: Random): Promise<string | null> {
  const newest = (await checkpointsOf(store, key)).at(-1);
  if (newest === undefined) return null;
  const place = join(stageDir(store, key), 'checkpoints', newest);
  const files = (await namesIn(place)).filter((name) => name !== 'complete.json');
  const way = random.pick(['truncate', 'flip', 'no marker', 'torn marker'] as const);
  switch (way) {
    case 'truncate': {
      const name = random.pick(files);
      const { size } = await stat(join(place, name));
      const left = random.integer(0, Math.max(0, size - 1));
      await truncate(join(place, name), left);
      return `${newest}/${name} cut from ${size} to ${left} bytes`;
    }
    case 'flip': {
      const name = random.pick(files);
      return `${newest}/${name}: ${await flipBit(join(place, name), random)}`;
    }
    case 'no marker':
      await rm(join(place, 'complete.json'), { force: true });
      return `${newest}: its marker removed`;
    case 'torn marker': {
      const marker = join(place, 'complete.json');
      const { size } = await stat(marker).catch(() => ({ size: 0 }));
      if (size > 0) await truncate(marker, random.integer(0, size - 1));
      return `${newest}: its marker torn`;
    }
  }
}

async function flipBit(path: string, random: Random): Promise<string> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    if (size === 0) return 'it is empty, nothing flipped';
    const at = random.integer(0, size - 1);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] as number) ^ (1 << random.integer(0, 7));
    await file.write(byte, 0, 1, at);
    return `one bit of byte ${at} flipped`;
  } finally {
    await file.close();
  }
}

/** A stage's checkpoints by name, oldest first. */
const checkpointsOf = async (store: string, key: string): Promise<string[]> =>
  (await namesIn(join(stageDir(store, key), 'checkpoints'))).filter((name) => name.startsWith('step-'));

export const hasCheckpoint = async (store: string, key: string): Promise<boolean> =>
  (await checkpointsOf(store, key)).length > 0;

/** Identifies a part of one execution. */
interface Part {
  readonly key: string;
  readonly attempt: number;
  readonly part: number;
}

const journalName = ({ attempt, part }: Part): string => `${String(part).padStart(5, '0')}-attempt-${attempt}.jsonl`;

/** Whether an attempt has written to its journal. */
export const hasJournal = async (store: string, part: Part): Promise<boolean> =>
  (await sizeOf(join(stageDir(store, part.key), 'journal', journalName(part)))) > 0;

/**
 * Truncates the journal of one attempt at a random byte of its last 2 KiB.
 * @returns a description; null without a journal
 */
export async function cutJournal(store: string, part: Part, random: Random): Promise<string | null> {
  const name = journalName(part);
  const path = join(stageDir(store, part.key), 'journal', name);
  const size = await sizeOf(path);
  if (size === 0) return null;
  const left = random.integer(Math.max(0, size - 2048), size - 1);
  await truncate(path, left);
  return `${name} cut from ${size} to ${left} bytes`;
}

const sizeOf = async (path: string): Promise<number> =>
  await stat(path).then(
    ({ size }) => size,
    () => 0,
  );

const manifestOf = (store: string, key: string): string => join(stageDir(store, key), 'manifest.json');

/** Sorted keys of the finished stages. */
export async function finishedStages(store: string): Promise<string[]> {
  const keys = await namesIn(join(store, 'stages'));
  const found = await Promise.all(keys.map((key) => sizeOf(manifestOf(store, key))));
  return keys.filter((_, index) => (found[index] ?? 0) > 0);
}

/**
 * Replaces the manifest of a finished stage by one with other counts and a matching checksum, by that of another stage,
 * or by a truncated one.
 * @param others - keys of other finished stages
 * @returns a description, and a check whether the manifest is restored; null when the store is not writable
 */
export async function swapManifest(
  store: string,
  key: string,
  others: readonly string[],
  random: Random,
): Promise<{ readonly what: string; readonly isMended: () => Promise<boolean> } | null> {
  const path = manifestOf(store, key);
  const before = await readFile(path, 'utf8');
  const [what, after] = await otherManifest(store, before, others, random);
  // Rename a new file over the old one, as editors do.
  try {
    await writeFile(`${path}.new`, after);
    await rename(`${path}.new`, path);
  } catch {
    await rm(`${path}.new`, { force: true }).catch(() => undefined);
    return null; // Another fault has made the disk full or read-only.
  }
  return { what, isMended: async () => (await readFile(path, 'utf8').catch(() => null)) === before };
}

async function otherManifest(
  store: string,
  before: string,
  others: readonly string[],
  random: Random,
): Promise<readonly [what: string, after: string]> {
  const way = random.pick(['counts', 'cut', ...(others.length > 0 ? (['other'] as const) : [])] as const);
  switch (way) {
    case 'counts': {
      const { checksum: _, ...manifest } = JSON.parse(before) as { counts: Record<string, number>; checksum: string };
      const counts = Object.entries(manifest.counts).map(([name, count]) => [name, count + 100_000]);
      const forged = { ...manifest, counts: { ...Object.fromEntries(counts), forged: 1 } };
      return ['with other counts', JSON.stringify({ ...forged, checksum: sha256OfValue(forged) })];
    }
    case 'cut': {
      const left = random.integer(0, before.length - 1);
      return [`cut to ${left} of ${before.length} characters`, before.slice(0, left)];
    }
    case 'other': {
      const other = random.pick(others);
      return [`by that of stage ${other.slice(0, 12)}`, await readFile(manifestOf(store, other), 'utf8')];
    }
  }
}

/** Unfinished stages with the given finished stage among their inputs. Their programs may be about to read it. */
export async function readersOf(store: string, key: string): Promise<string[]> {
  const finished = new Set(await finishedStages(store));
  const open = (await namesIn(join(store, 'stages'))).filter((name) => !finished.has(name));
  const reads = open.map(async (name) => {
    const text = await readFile(join(stageDir(store, name), 'stage.json'), 'utf8').catch(() => '{}');
    const { inputs = {} } = JSON.parse(text) as { inputs?: Record<string, { key: string }> };
    return Object.values(inputs).some((input) => input.key === key) ? [name] : [];
  });
  return (await Promise.all(reads)).flat();
}

/** Number of the current claim; -1 before the first. */
export async function latestAttempt(store: string, key: string): Promise<number> {
  const claims = (await namesIn(join(stageDir(store, key), 'claims'))).filter((name) => /^\d+\.json$/.test(name));
  return Number.parseInt(claims.at(-1) ?? '-1', 10);
}

/** Whether a part of a stage has been published. */
export async function isPublished(store: string, { key, part }: Pick<Part, 'key' | 'part'>): Promise<boolean> {
  const path = join(stageDir(store, key), 'parts', `${String(part).padStart(5, '0')}.json`);
  return await readFile(path).then(
    () => true,
    () => false,
  );
}

const namesIn = async (folder: string): Promise<string[]> => (await readdir(folder).catch(() => [])).toSorted();
