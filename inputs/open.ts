import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { codeOf, remedyOf } from '../spec/system-errors.ts';
import { WrongInputError } from './errors.ts';
import type { InputRules } from './rules.ts';

/** An open regular file. It stays the same file even if its name is reused. */
export interface OpenInput extends AsyncDisposable {
  /** The path as it appears in messages. */
  readonly path: string;
  readonly stat: BigIntStats;
  /** Its bytes from the start, up to the size that it had when it was opened. */
  stream(): Readable;
  /** Bytes from `start` to before `end`, fewer at the end of the file. */
  slice(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** @throws WrongInputError if the file has changed since it was opened */
  refuseIfChanged(): Promise<void>;
}

/** Maximum number of symbolic links in a path, as in the kernel. */
const MAX_LINKS = 40;

/**
 * Opens a file that a campaign names. With all links resolved, it must be a regular file below a folder that campaigns
 * may read. Nothing outside of these folders is inspected, so an error does not reveal what exists there. The call
 * never blocks on a pipe or a socket.
 * @param path - absolute, or relative to `rules.project`
 * @throws WrongInputError if it is not such a file; the error of the operating system if it cannot be opened at the
 *   moment
 */
export async function openInput(path: string, rules: InputRules): Promise<OpenInput> {
  const real = await withInputErrors(() => resolveBelow(resolve(rules.project, path), rules));
  const file = await openRegular(real, path, rules.maxBytes);
  try {
    // A link may have been created between resolving and opening, so the kernel is asked which file was opened.
    const roots = await realRoots(rules);
    if (
      !isBelowAny(
        await pathOfHandle(file.handle, real),
        roots.map(({ real: root }) => root),
      )
    )
      throw outsideRoots(rules);
    return file.input;
  } catch (error) {
    await file.handle.close();
    throw error;
  }
}

/**
 * Opens a regular file in any folder: for files of orrery itself, and for files that `prepare` compares with a digest.
 * @throws WrongInputError if it is not a regular file or is larger than `maxBytes`; the error of the operating system
 *   if it cannot be opened at the moment
 */
export async function openFile(path: string, maxBytes: number): Promise<OpenInput> {
  return (await openRegular(path, path, maxBytes)).input;
}

async function openRegular(
  path: string,
  shown: string,
  maxBytes: number,
): Promise<{ handle: FileHandle; input: OpenInput }> {
  // Without O_NONBLOCK, a FIFO without a writer would block a thread of this process forever.
  const handle = await withInputErrors(() => open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) throw new WrongInputError(`expected a regular file, but it is ${kindOf(stat)}`);
    if (stat.size > BigInt(maxBytes)) {
      throw new WrongInputError(
        `expected a file of at most ${maxBytes} bytes, but it has ${stat.size} (ORRERY_DATA_MAX_GIB)`,
      );
    }
    return { handle, input: inputOf(handle, shown, stat) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function inputOf(handle: FileHandle, path: string, stat: BigIntStats): OpenInput {
  return {
    path,
    stat,
    stream: () =>
      stat.size === 0n
        ? Readable.from([])
        : handle.createReadStream({ start: 0, end: Number(stat.size) - 1, autoClose: false, highWaterMark: 1 << 20 }),
    async slice(start, end) {
      const buffer = new Uint8Array(Math.max(0, end - start));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    },
    async refuseIfChanged() {
      const now = await handle.stat({ bigint: true });
      if (now.size === stat.size && now.mtimeNs === stat.mtimeNs) return;
      throw new WrongInputError('expected a file that does not change, but it was written to while it was read');
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

const kindOf = (stat: BigIntStats): string => {
  if (stat.isDirectory()) return 'a directory';
  if (stat.isFIFO()) return 'a FIFO';
  if (stat.isSocket()) return 'a socket';
  return 'a device';
};

/**
 * Converts errors of the operating system that mean an invalid campaign to a {@link WrongInputError} without the path
 * in its message.
 */
async function withInputErrors<T>(access: () => Promise<T>): Promise<T> {
  try {
    return await access();
  } catch (error) {
    if (remedyOf(error, 'input')?.remedy !== 'invalid') throw error;
    const code = codeOf(error);
    throw new WrongInputError(REFUSALS[code] ?? `expected a file that can be read (${code})`, code === 'ENOENT');
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  ENOENT: 'expected a file, but there is none',
  ENOTDIR: 'expected a file, but there is none',
  EACCES: 'expected a file that this user may read (EACCES)',
  EPERM: 'expected a file that this user may read (EPERM)',
  ENXIO: 'expected a regular file, but it is a socket or a device',
  ELOOP: 'expected a file, but its path contains a loop of links',
};

interface Root {
  readonly written: string;
  readonly real: string;
}

/** The folders that campaigns may read, with their links resolved. */
async function realRoots({ roots }: InputRules): Promise<Root[]> {
  const found = await Promise.all(
    roots.map(async (written) => ({ written, real: await realpath(written).catch(() => null) })),
  );
  return found.flatMap(({ written, real }) => (real === null ? [{ written, real: written }] : [{ written, real }]));
}

/**
 * Resolves the links of a path. It does not use `realpath`, which would inspect the targets of links outside of the
 * allowed folders.
 * @throws WrongInputError if the path leads out of the folders that campaigns may read
 */
async function resolveBelow(path: string, rules: InputRules): Promise<string> {
  const roots = await realRoots(rules);
  let links = 0;
  const entered = (target: string): { at: string; rest: string[] } => {
    for (const { written, real } of roots) {
      const base = [real, written].find((root) => isBelow(target, root));
      if (base !== undefined) return { at: real, rest: relative(base, target).split(sep) };
    }
    throw outsideRoots(rules);
  };
  let { at, rest } = entered(path);
  for (;;) {
    const [name, ...after] = rest;
    if (name === undefined) return at;
    const next = join(at, name);
    rest = after;
    if (!(await lstat(next)).isSymbolicLink()) {
      at = next;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
    ({ at, rest } = entered(resolve(dirname(next), await readlink(next), ...rest)));
  }
}

const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
const isBelowAny = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => isBelow(path, folder));

/**
 * The path of an open file, according to the kernel. On systems without /proc it is `path` if that is still the same
 * file, and empty if it is not.
 */
async function pathOfHandle(handle: FileHandle, path: string): Promise<string> {
  const fromKernel = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => null);
  if (fromKernel !== null) return fromKernel;
  const [opened, named, real] = await Promise.all([handle.stat(), lstat(path), realpath(path)]);
  return opened.dev === named.dev && opened.ino === named.ino && real === path ? path : '';
}

function outsideRoots({ roots }: InputRules): WrongInputError {
  const shown = roots.slice(0, 8).join(', ');
  return new WrongInputError(
    `expected a file below a folder that campaigns may read (${shown}); move it there, or add its folder to ORRERY_DATA_ROOTS of the worker`,
  );
}
