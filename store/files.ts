import { createHash, randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';

/**
 * Files on a POSIX folder. What is assumed of it: `rename` replaces atomically, `link` refuses to replace, and what was written before a
 * `fsync` is read by whoever sees the new name. Local disks keep this; NFS does too between clients that open a file after it was
 * renamed (close-to-open consistency). Two NFS facts are handled here: a lost reply makes a `link` that succeeded report EEXIST, and
 * some mounts have no links at all.
 */

/**
 * Replaces `path` as a whole: readers see the old content or the new one, after a power cut too. Makes missing folders.
 * @param fence - asked when all is on disk; where it rejects, `path` stays as it is
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  fence: () => Promise<void> = async () => {},
): Promise<void> {
  const temporary = await writeTemporary(path, (file) => file.writeFile(data));
  try {
    await fence();
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Creates `path` with `data` unless it exists. Of any number of callers at the same time exactly one gets `true`, and nobody ever reads
 * half of a file. On a file system without hard links the name is taken by an empty file first, and the content renamed over it: still
 * one winner, but a reader at that very moment, or after a crash in it, finds the file empty.
 */
export async function createExclusive(path: string, data: string | Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(path, (file) => file.writeFile(data));
  try {
    return await nameExclusively(temporary, path);
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

/**
 * Publishes a file that a process of another attempt may publish too, at any moment. Who comes first does so without replacing anything,
 * so that a process which is held up in between (stopped, or by a slow mount) and goes on hours later cannot write over what came after
 * it: it finds the name taken and asks the fence again. A file with the same content is left as it is.
 * @param write - writes the content, piece by piece if it is large
 * @param fence - rejects when the caller is to publish nothing any more; asked when all is on disk, and again before a file is replaced
 */
export async function publishFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  fence: () => Promise<void>,
): Promise<void> {
  const temporary = await writeTemporary(path, write);
  try {
    await fence();
    if (await nameExclusively(temporary, path)) return;
    await fence();
    if (await isEqual(temporary, path)) return;
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
  await syncFolder(dirname(path));
}

/** Gives a file a second name unless that is taken. @returns whether the name is now that of this file */
async function nameExclusively(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return await isSameFile(temporary, path);
    if (!WITHOUT_LINKS.has(codeOf(error))) throw error;
    if (!(await renameExclusive(temporary, path))) return false;
  }
  await syncFolder(dirname(path));
  return true;
}

/** What `link` answers where there are no hard links (FAT, some FUSE and SMB mounts). */
const WITHOUT_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

async function renameExclusive(temporary: string, path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close();
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(path).catch(() => {}); // the empty file is ours
    throw error;
  }
  return true;
}

/** Largest file that is read as a whole, in bytes; *ours*. A manifest of 100,000 files has some 20 MB. */
const LARGEST_TEXT = 1 << 28;

/**
 * Reads a text that must be there, as a whole. Never waits for whoever should write to a pipe.
 * @throws InvalidInputError naming the file when it is no regular file, or too large to be what is looked for
 * @throws the error of the file system (`ENOENT`, ...) when it cannot be read
 */
export async function readText(path: string, maxBytes = LARGEST_TEXT): Promise<string> {
  await using file = await openRegular(path);
  const { size } = await file.stat();
  if (size > maxBytes) throw unexpected(path, tooLarge(size, maxBytes));
  return await file.readFile('utf8');
}

/** The same for small records that stage programs need before anything else can begin. */
export function readTextSync(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw unexpected(path, NOT_REGULAR);
    if (found.size > LARGEST_TEXT) throw unexpected(path, tooLarge(found.size, LARGEST_TEXT));
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw unexpected(path, NOT_REGULAR);
}

const NOT_REGULAR = 'expected a regular file, but it is a directory, a FIFO or a device';
const tooLarge = (size: number, most: number): string => `expected at most ${most} bytes, but it has ${size}`;
const unexpected = (path: string, message: string): InvalidInputError =>
  new InvalidInputError(path, [{ field: '', message }]);

/**
 * Copies a file that does not parse beside itself, as `<name>.unreadable`, for a person to look at: it is about to be replaced. Its name
 * is never free meanwhile.
 */
export async function keepUnreadable(path: string): Promise<void> {
  // A folder, or gone: nothing to keep. A copy of a FIFO would wait for its other end.
  const isFile = (await stat(path).catch(() => null))?.isFile() ?? false;
  if (isFile) await copyFile(path, `${path}.unreadable`).catch(() => {});
}

/**
 * Reads a JSON file that must be there.
 * @throws InvalidInputError naming the file and every bad field
 * @throws the error of the file system (`ENOENT`, ...) when it cannot be read
 */
export async function readJson<S extends z.ZodType>(path: string, schema: S, maxBytes?: number): Promise<z.output<S>> {
  const text = await readText(path, maxBytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unexpected(path, `expected JSON, but got ${(error as Error).message}`);
  }
  return parseOrRefuse(schema, value, path);
}

/** Like {@link readJson}, but a file that is not there is `null`. */
export async function readJsonIfThere<S extends z.ZodType>(
  path: string,
  schema: S,
  maxBytes?: number,
): Promise<z.output<S> | null> {
  try {
    return await readJson(path, schema, maxBytes);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** SHA-256 of a file's bytes, 64 hexadecimal digits; read as a stream, so any size will do. */
export async function sha256File(path: string): Promise<string> {
  await using file = await openRegular(path);
  const hash = createHash('sha256');
  await pipeline(file.createReadStream({ start: 0, autoClose: false }), hash);
  return hash.digest('hex');
}

/** Whether an error of the file system says that the file (or a folder above it) is not there. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? '';

/** Writes beside the target, so that the rename stays within one file system. A crash leaves a dot file that nobody reads. */
async function writeTemporary(path: string, write: (file: FileHandle) => Promise<void>): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${randomUUID().slice(0, 8)}.tmp`);
  const file = await openNew(temporary);
  try {
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // A disk that is full is not to be filled further by what did not fit.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  return temporary;
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx');
  } catch (error) {
    if (!isMissing(error)) throw error;
    await mkdir(dirname(path), { recursive: true });
    return await open(path, 'wx');
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

async function isEqual(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other)]);
  return a.size === b.size && (await sha256File(one)) === (await sha256File(other));
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other).catch(() => null)]);
  return b !== null && a.ino === b.ino && a.dev === b.dev;
}
