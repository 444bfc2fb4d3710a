import { rename, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import {
  type Counts,
  type FileEntry,
  Manifest,
  PartManifest,
  Progress,
  progressOfAll,
  type StageFile,
} from '../spec/index.ts';
import { createExclusive, isMissing, readJsonIfThere, sha256File } from './files.ts';
import { outputDigest } from './key.ts';
import { manifestPath, partPath, progressPath, stageDir } from './layout.ts';

/** A file of the store is not what its manifest says. */
export class CorruptFileError extends Error {
  override readonly name = 'CorruptFileError';
}

/** A stage was to be sealed before all of its parts were there. */
export class MissingPartsError extends Error {
  override readonly name = 'MissingPartsError';
}

/** The manifest of a finished stage, or null while it is not finished. @throws InvalidInputError when it is malformed */
export const readManifest = (stage: string): Promise<Manifest | null> => readJsonIfThere(manifestPath(stage), Manifest);

/** The parts that are there, by index. @throws InvalidInputError when one is malformed */
export async function readParts(stage: string, parts: number): Promise<PartManifest[]> {
  const read = await Promise.all(indices(parts).map((part) => readJsonIfThere(partPath(stage, part), PartManifest)));
  return read.filter((part) => part !== null);
}

/**
 * Seals a stage: composes `manifest.json` from its parts once all are there. Done twice, or by two at once, the first manifest stands.
 * @param parts - pods that publish a part: the shards, or 1 for a gang
 * @param attempt - the attempt that published last
 * @param options.hash - read every output again and compare its sha256, not its size alone. When not given: if there was more than one
 *   attempt, for an earlier one that was given up may have written over an output of a later one
 * @throws MissingPartsError when parts are missing
 * @throws CorruptFileError when an output is missing, or is not what its part says, or belongs to two parts. A part that does not hold is
 *   taken back, so that the next attempt makes it anew
 */
export async function sealStage(
  store: string,
  stageFile: StageFile,
  parts: number,
  attempt: number,
  times: { readonly startedAt: string; readonly finishedAt: string },
  options: { readonly hash?: boolean } = {},
): Promise<Manifest> {
  const stage = stageDir(store, stageFile.key);
  const sealed = await readManifest(stage);
  if (sealed !== null) return sealed;

  const published = await readParts(stage, parts);
  if (published.length < parts) {
    const there = new Set(published.map(({ part }) => part));
    const missing = indices(parts).filter((part) => !there.has(part));
    throw new MissingPartsError(
      `${stage} lacks ${missing.length} of ${parts} parts: ${missing.slice(0, 10).join(', ')}`,
    );
  }
  const files = published.flatMap((part) => part.files).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const [index, file] of files.entries()) {
    if (files[index + 1]?.path === file.path) throw new CorruptFileError(`${stage}: two parts published ${file.path}`);
  }
  for (const part of published) await verifyPart(stage, part, options.hash ?? attempt > 0);
  const counts = sumCounts(published.map((part) => part.counts));
  const { kind, key, name, inputs, config, seed, codeVersion } = stageFile;
  const manifest: Manifest = {
    ...{ schemaVersion: 1, kind, key, name, digest: outputDigest(kind, files, counts) },
    ...{ inputs, config, seed, codeVersion, attempt, parts, files, counts, ...times },
  };
  const won = await createExclusive(manifestPath(stage), `${JSON.stringify(manifest, null, 2)}\n`);
  return won ? manifest : ((await readManifest(stage)) ?? manifest);
}

async function verifyPart(stage: string, { part, attempt, files }: PartManifest, hash: boolean): Promise<void> {
  try {
    for (const file of files) await verifyFile(stage, file, { hash });
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    const path = partPath(stage, part);
    await rename(path, `${path}.rejected-${attempt}`);
    throw new CorruptFileError(`${error.message}; part ${part} is taken back`);
  }
}

/**
 * Checks that a file of a stage is what its entry says.
 * @param options.hash - compare the sha256 too (the default), not the size alone
 * @returns its absolute path
 * @throws CorruptFileError naming the file, what was expected and what was found
 */
export async function verifyFile(
  stage: string,
  entry: FileEntry,
  options: { readonly hash?: boolean } = {},
): Promise<string> {
  const path = resolve(stage, entry.path);
  const refuse = (why: string) => new CorruptFileError(`${path}: ${why}`);
  if (!path.startsWith(resolve(stage) + sep)) throw refuse('expected a path within the folder of the stage');
  const found = await stat(path).catch((error: unknown) => {
    throw isMissing(error) ? refuse('the manifest names it, but it is not there') : error;
  });
  if (found.size !== entry.bytes) throw refuse(`expected ${entry.bytes} bytes, but it has ${found.size}`);
  if (options.hash ?? true) {
    const sha256 = await sha256File(path);
    if (sha256 !== entry.sha256) throw refuse(`expected sha256 ${entry.sha256}, but it is ${sha256}`);
  }
  return path;
}

/**
 * Progress of a stage by part: of the pods of this attempt, and of earlier attempts where the part is done. Null where a pod has not reported.
 * A progress file that does not parse is left out: the next report mends it.
 */
export function readPartsProgress(stage: string, parts: number, attempt: number): Promise<(Progress | null)[]> {
  return Promise.all(indices(parts).map((part) => progressOfPart(stage, part, attempt)));
}

/** {@link readPartsProgress} as one; see {@link progressOfAll}. */
export async function readProgress(stage: string, parts: number, attempt: number): Promise<Progress | null> {
  return progressOfAll(await readPartsProgress(stage, parts, attempt));
}

async function progressOfPart(stage: string, part: number, attempt: number): Promise<Progress | null> {
  const progress = await readJsonIfThere(progressPath(stage, part), Progress).catch(() => null);
  if (progress === null || progress.attempt === attempt) return progress;
  const done = await stat(partPath(stage, part)).catch(() => null);
  return done === null ? null : { ...progress, rate: null, from: progress.done, beganAt: null, savingSeconds: 0 };
}

/** Counts of all parts as one. */
export function sumCounts(all: readonly Counts[]): Counts {
  const sum: Counts = {};
  for (const [name, value] of all.flatMap((counts) => Object.entries(counts))) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
