import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { InvalidInputError, parseOrRefuse } from '../spec/index.ts';

/**
 * Files on a POSIX folder. What is assumed of it: `rename` replaces atomically, `link` refuses to replace, and what was written before a
 * `fsync` is read by whoever sees the new name. Local disks keep this; NFS does too between clients that open a file after it was
 * renamed (close-to-open consistency). Two NFS facts are handled here: a lost reply makes a `link` that succeeded report EEXIST, and
 * some mounts have no links at all.
 */

/** Replaces `path` as a whole: readers see the old content or the new one, after a power cut too. Makes missing folders. */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = await writeTemporary(path, data);
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Creates `path` with `data` unless it exists. Of any number of callers at the same time exactly one gets `true`, and nobody ever reads
 * a torn file. On a file system without hard links the content is written in place after an exclusive open: still one winner, but a
 * reader at that very moment, or after a crash in it, may find the file short.
 */
export async function createExclusive(path: string, data: string | Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(path, data);
  try {
    await link(temporary, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return await isSameFile(temporary, path);
    if (!WITHOUT_LINKS.has(codeOf(error))) throw error;
    return await createInPlace(path, data);
  } finally {
    await unlink(temporary).catch(() => {});
  }
  await syncFolder(dirname(path));
  return true;
}

/** What `link` answers where there are no hard links (FAT, some FUSE and SMB mounts). */
const WITHOUT_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

async function createInPlace(path: string, data: string | Uint8Array): Promise<boolean> {
  try {
    await writeSynced(path, data);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  await syncFolder(dirname(path));
  return true;
}

/**
 * Reads a JSON file that must be there.
 * @throws InvalidInputError naming the file and every bad field
 * @throws the error of the file system (`ENOENT`, ...) when it cannot be read
 */
export async function readJson<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
  const text = await readFile(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidInputError(path, [{ field: '', message: `expected JSON, but got ${(error as Error).message}` }]);
  }
  return parseOrRefuse(schema, value, path);
}

/** Like {@link readJson}, but a file that is not there is `null`. */
export async function readJsonIfThere<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S> | null> {
  try {
    return await readJson(path, schema);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** SHA-256 of a file's bytes, 64 hexadecimal digits; read as a stream, so any size will do. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Whether an error of the file system says that the file (or a folder above it) is not there. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? '';

/** Writes beside the target, so that the rename stays within one file system. A crash leaves a dot file that nobody reads. */
async function writeTemporary(path: string, data: string | Uint8Array): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${randomUUID().slice(0, 8)}.tmp`);
  try {
    await writeSynced(temporary, data);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await mkdir(dirname(path), { recursive: true });
    await writeSynced(temporary, data);
  }
  return temporary;
}

async function writeSynced(path: string, data: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a new name in a folder durable. Network file systems that cannot sync a folder make it durable by themselves. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EBADF', 'EISDIR', 'EPERM'].includes(codeOf(error))) throw error;
  } finally {
    await folder.close();
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other).catch(() => null)]);
  return b !== null && a.ino === b.ino && a.dev === b.dev;
}
