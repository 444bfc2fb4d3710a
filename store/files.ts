import { createHash, randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';

/**
 * Files in a POSIX folder. The assumptions are: `rename` replaces atomically, `link` never replaces, and a reader that
 * sees a new name also sees everything that was written before the `fsync`. Local disks guarantee this, and so does NFS
 * for clients that open a file after it was renamed (close-to-open consistency). Two properties of NFS are handled
 * here: after a lost reply, a successful `link` reports EEXIST; and some mounts do not support links.
 */

/**
 * Replaces `path` as a whole: readers see either the old or the new content, even after a power failure. Creates
 * missing folders.
 * @param fence - called when the new content is on disk. If it rejects, `path` stays as it is
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
 * Creates `path` with `data` unless it exists. Exactly one of several concurrent callers gets `true`, and no reader
 * sees a part of the file. On a file system without hard links, an empty file takes the name first, and the content is
 * then renamed over it. There is still only one winner, but a reader at that moment finds the file empty, and so do all
 * readers if the winner crashes there.
 */
export async function createExclusive(path: string, data: string | Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(path, (file) => file.writeFile(data));
  try {
    return await linkExclusive(temporary, path);
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

/**
 * Publishes a file that a process of another attempt may publish at any time. The first publisher replaces nothing. A
 * process may be stopped before it publishes and continue hours later; it then finds the name taken and checks the
 * fence again, so it cannot overwrite the file of a later attempt. A file with equal content is left as it is.
 * @param write - writes the content; large content in pieces
 * @param fence - rejects if the caller must not publish any more. Called when the content is on disk, and again before
 *   a file is replaced
 */
export async function publishFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  fence: () => Promise<void>,
): Promise<void> {
  const temporary = await writeTemporary(path, write);
  try {
    await fence();
    if (await linkExclusive(temporary, path)) return;
    await fence();
    if (await isEqual(temporary, path)) return;
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
  await syncFolder(dirname(path));
}

/** Gives a file a second name unless the name is taken. @returns whether the name now belongs to this file */
async function linkExclusive(temporary: string, path: string): Promise<boolean> {
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

/** Error codes of `link` on file systems without hard links (FAT, some FUSE and SMB mounts). */
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
    await unlink(path).catch(() => {}); // this call created the empty file
    throw error;
  }
  return true;
}

/** Maximum size of a file that is read as a whole, in bytes. A manifest of 100,000 files has about 20 MB. *Ours*. */
const LARGEST_TEXT = 1 << 28;

/**
 * Reads a text file as a whole. It refuses a FIFO, so it never waits for a writer.
 * @throws InvalidInputError that names the file, if it is not a regular file or too large
 * @throws the error of the file system (`ENOENT`, ...) if the file cannot be read
 */
export async function readText(path: string, maxBytes = LARGEST_TEXT): Promise<string> {
  await using file = await openRegular(path);
  const { size } = await file.stat();
  if (size > maxBytes) throw unexpected(path, tooLarge(size, maxBytes));
  return await file.readFile('utf8');
}

/** Like {@link readText}, but synchronous: for small records that stage programs need before they can start. */
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
 * Copies a file that does not parse to `<name>.unreadable`, so that a person can inspect it after it is replaced. The
 * original stays until then: if it were renamed, another process could create its name in between.
 */
export async function copyUnreadable(path: string): Promise<void> {
  // Only a regular file is copied: a copy of a FIFO would wait for its writer.
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

/** Like {@link readJson}, but returns null for a missing file. */
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

/** SHA-256 of a file as 64 hexadecimal digits. The file is read as a stream, so it may have any size. */
export async function sha256File(path: string): Promise<string> {
  await using file = await openRegular(path);
  const hash = createHash('sha256');
  await pipeline(file.createReadStream({ start: 0, autoClose: false }), hash);
  return hash.digest('hex');
}

/** Whether an error of the file system says that the file or a folder above it is missing. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(codeOf(error));

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? '';

/**
 * Writes a temporary file beside the target, so that the rename stays within one file system. A crash leaves a dot file
 * that nobody reads.
 */
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
    // The disk may be full, so the incomplete file is removed.
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

/**
 * Makes a new name in a folder durable. Network file systems that cannot sync a folder make names durable by
 * themselves.
 */
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
