import { readFile, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import type { FileEntry, Manifest } from '../spec/manifest.ts';
import { sha256 } from './canonical.ts';
import { isMissing, sha256File } from './files.ts';
import { CorruptFileError } from './manifests.ts';

/** Files above this size are verified by the programs that read them, and not once more when a finished stage is reused. *Ours*. */
const HASHED_ON_REUSE_BYTES = 256 * 2 ** 20;

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
  const path = pathWithin(stage, entry);
  const found = await stat(path).catch((error: unknown) => {
    throw isMissing(error) ? new CorruptFileError(`${path}: the manifest names it, but it is not there`) : error;
  });
  if (!found.isFile()) throw new CorruptFileError(`${path}: expected a file`);
  if (found.size !== entry.bytes) {
    throw new CorruptFileError(`${path}: expected ${entry.bytes} bytes, but it has ${found.size}`);
  }
  if (options.hash ?? true) compare(path, entry, await sha256File(path));
  return path;
}

/**
 * Reads a small file of a stage for whoever publishes it: the very bytes that were verified.
 * @param path - as the manifest names it
 * @throws CorruptFileError when the manifest does not name it, or it is not what the manifest says
 */
export async function readVerified(stage: string, { files }: Pick<Manifest, 'files'>, path: string): Promise<Buffer> {
  const entry = files.find((file) => file.path === path);
  if (entry === undefined) throw new CorruptFileError(`${stage}: expected the manifest to name ${path}`);
  const content = await readFile(await verifyFile(stage, entry, { hash: false }));
  compare(path, entry, sha256(content));
  return content;
}

/**
 * The first output of a finished stage that is not what the manifest says, and why; null where all are. Large files by their size alone.
 */
export async function faultInOutputs(
  stage: string,
  { files }: Pick<Manifest, 'files'>,
): Promise<{ readonly entry: FileEntry; readonly error: CorruptFileError } | null> {
  for (const entry of files) {
    try {
      await verifyFile(stage, entry, { hash: entry.bytes <= HASHED_ON_REUSE_BYTES });
    } catch (error) {
      if (error instanceof CorruptFileError) return { entry, error };
      throw error;
    }
  }
  return null;
}

function pathWithin(stage: string, { path }: FileEntry): string {
  const absolute = resolve(stage, path);
  if (absolute.startsWith(resolve(stage) + sep)) return absolute;
  throw new CorruptFileError(`${absolute}: expected a path within the folder of the stage`);
}

function compare(path: string, { sha256: expected }: FileEntry, found: string): void {
  if (found !== expected) throw new CorruptFileError(`${path}: expected sha256 ${expected}, but it is ${found}`);
}
