import { readFile, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import type { FileEntry, Manifest } from '../spec/manifest.ts';
import { sha256 } from './canonical.ts';
import { isMissing, sha256File } from './files.ts';
import { CorruptFileError } from './manifests.ts';

/**
 * Files above this size are verified only by the programs that read them, and not when a finished stage is reused.
 * *Ours*.
 */
const HASHED_ON_REUSE_BYTES = 256 * 2 ** 20;

/**
 * Checks that a file of a stage matches its entry.
 * @param options.hash - whether to compare the sha256, and not only the size. The default is true
 * @returns the absolute path of the file
 * @throws CorruptFileError that names the file, what was expected and what was found
 */
export async function verifyFile(
  stage: string,
  entry: FileEntry,
  options: { readonly hash?: boolean } = {},
): Promise<string> {
  const path = pathWithin(stage, entry);
  const found = await stat(path).catch((error: unknown) => {
    throw isMissing(error) ? new CorruptFileError(`${path}: the manifest names this file, but it is missing`) : error;
  });
  if (!found.isFile()) throw new CorruptFileError(`${path}: expected a file`);
  if (found.size !== entry.bytes) {
    throw new CorruptFileError(`${path}: expected ${entry.bytes} bytes, but it has ${found.size}`);
  }
  if (options.hash ?? true) compare(path, entry, await sha256File(path));
  return path;
}

/**
 * Reads and verifies a small file of a stage. The returned bytes are the verified ones, so they can be published.
 * @param path - path of the file in the manifest
 * @throws CorruptFileError if the manifest does not name the file, or the file does not match it
 */
export async function readVerified(stage: string, { files }: Pick<Manifest, 'files'>, path: string): Promise<Buffer> {
  const entry = files.find((file) => file.path === path);
  if (entry === undefined) throw new CorruptFileError(`${stage}: expected the manifest to name ${path}`);
  const content = await readFile(await verifyFile(stage, entry, { hash: false }));
  compare(path, entry, sha256(content));
  return content;
}

/**
 * The first output of a finished stage that does not match the manifest, with the reason; null if all match. For large
 * files only the size is checked.
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
