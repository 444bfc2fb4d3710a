import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { FileEntry, Manifest, ManifestRef } from '../../spec/manifest.ts';
import type { StageFile } from '../../spec/stage-file.ts';
import { inputForKey } from '../../store/key.ts';
import { manifestPath, stageDir } from '../../store/layout.ts';
import { CorruptFileError, OtherResultError, OtherVersionError, readManifest } from '../../store/manifests.ts';
import { StageExit } from '../runtime/exits.ts';

/**
 * Files of an input stage, checked against its manifest; see `StageContext.inputFiles`. Synchronous on purpose: no
 * program may start before its input is known to be whole.
 */
export function inputFiles(store: string, stage: StageFile, role: string, name: string): string[] {
  const ref = stage.inputs[role];
  if (ref === undefined) {
    const known = Object.keys(stage.inputs).join(', ') || 'none';
    throw new StageExit('InvalidInput', `${stage.name}: expected an input of role "${role}", but it has ${known}`);
  }
  const folder = stageDir(store, ref.key);
  const manifest = inputManifest(folder, inputForKey(stage.kind, ref), `${stage.name}: input "${role}"`);
  const files = shardFilesOf(manifest.files, name);
  if (files.length === 0) {
    throw new StageExit('InvalidInput', `${folder}: expected data/${name} (or its parts), but the manifest has none`);
  }
  return files.map((file) => verified(folder, file));
}

/** Entries of `data/<name>`: `trees.jsonl` itself, or `trees-00000.jsonl` and so on, in order. Pure. */
export function shardFilesOf(files: readonly FileEntry[], name: string): FileEntry[] {
  const dot = name.lastIndexOf('.');
  const [stem, extension] = [`data/${name.slice(0, dot)}`, name.slice(dot)];
  const isPart = (path: string) =>
    path.startsWith(`${stem}-`) &&
    path.endsWith(extension) &&
    /^\d{5,}$/.test(path.slice(stem.length + 1, path.length - extension.length));
  return files
    .filter(({ path }) => path === `data/${name}` || isPart(path))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Reads the manifest of an input, which must be the one that the stage was planned with.
 * @throws StageExit `DependencyDown` when it is damaged or missing: before the next attempt the worker seals it again
 *   from its parts, or refuses the stage. `InvalidInput` when it is of another result or another version: another
 *   attempt would find the same.
 */
export function inputManifest(folder: string, ref: ManifestRef, what: string): Manifest {
  let manifest: Manifest | null;
  try {
    manifest = readManifest(folder, ref);
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
    const isOther = error instanceof OtherResultError || error instanceof OtherVersionError;
    throw new StageExit(isOther ? 'InvalidInput' : 'DependencyDown', `${what}: ${error.message}`);
  }
  if (manifest !== null) return manifest;
  throw new StageExit('DependencyDown', `${what}: expected a finished stage, but ${manifestPath(folder)} is not there`);
}

function verified(folder: string, entry: FileEntry): string {
  const path = join(folder, entry.path);
  const found = sha256Sync(path);
  if (found === entry.sha256) return path;
  throw new StageExit(
    'InvalidInput',
    `${path}: expected sha256 ${entry.sha256}, but it is ${found ?? 'not there'}; cancel the campaign and submit it again: damaged outputs are set aside and made again (for a file above 256 MiB, first move that stage's manifest.json away)`,
  );
}

/** Like `sha256File` of the store, but synchronous, and null when there is no file. */
function sha256Sync(path: string): string | null {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(1 << 20);
  try {
    const file = openSync(path, 'r');
    try {
      for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk))
        hash.update(chunk.subarray(0, read));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return hash.digest('hex');
}
