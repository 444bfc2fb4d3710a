import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { codeOf, remedyOf } from '../spec/system-errors.ts';
import { WrongInputError } from './errors.ts';
import type { InputRules } from './rules.ts';

/** A regular file that is open: whatever becomes of its name, this is what is read. */
export interface OpenInput extends AsyncDisposable {
  /** As a person knows it. */
  readonly path: string;
  readonly stat: BigIntStats;
  /** Its bytes from the start, as many as it had when it was opened. */
  stream(): Readable;
  /** Bytes from `start` to before `end`, fewer at the end of the file. */
  slice(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** @throws WrongInputError when the file was written to since it was opened */
  refuseIfChanged(): Promise<void>;
}

/** Folders between links that are followed, as the kernel has it. */
const MAX_LINKS = 40;

/**
 * Opens a file that a campaign names. It has to be a regular file below one of the folders that campaigns may read, with all links
 * resolved. Outside of them nothing is looked at, so that a refusal does not tell what is there. Never waits for whoever should write to a
 * pipe or answer on a socket.
 * @param path - absolute, or relative to `rules.project`
 * @throws WrongInputError when it is no such file; the error of the operating system when it cannot be looked at now
 */
export async function openInput(path: string, rules: InputRules): Promise<OpenInput> {
  const real = await sorted(() => resolveBelow(resolve(rules.project, path), rules));
  const file = await openRegular(real, path, rules.maxBytes);
  try {
    // A link may have been put in the way between the look and the opening: the kernel says what was opened.
    const roots = await realRoots(rules);
    if (
      !isBelowAny(
        await openedAs(file.handle, real),
        roots.map(({ real: root }) => root),
      )
    )
      throw outside(rules);
    return file.input;
  } catch (error) {
    await file.handle.close();
    throw error;
  }
}

/**
 * Opens a regular file, wherever it lies: for what is ours, and for what `prepare` compares with a digest.
 * @throws WrongInputError when it is none, or has more than `maxBytes`; the error of the operating system when it cannot be looked at now
 */
export async function openFile(path: string, maxBytes: number): Promise<OpenInput> {
  return (await openRegular(path, path, maxBytes)).input;
}

async function openRegular(
  path: string,
  shown: string,
  maxBytes: number,
): Promise<{ handle: FileHandle; input: OpenInput }> {
  // O_NONBLOCK: a FIFO without a writer would hold a thread of this process for ever.
  const handle = await sorted(() => open(path, constants.O_RDONLY | constants.O_NONBLOCK));
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
      throw new WrongInputError('expected a file that stays as it is, but it was written to while it was read');
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

/** Says of what the operating system answers whether the campaign is wrong, without the path in its message. */
async function sorted<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
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
  ELOOP: 'expected a file, but it is a link that leads nowhere',
};

interface Root {
  readonly written: string;
  readonly real: string;
}

/** The folders that are there, with their links resolved. */
async function realRoots({ roots }: InputRules): Promise<Root[]> {
  const found = await Promise.all(
    roots.map(async (written) => ({ written, real: await realpath(written).catch(() => null) })),
  );
  return found.flatMap(({ written, real }) => (real === null ? [{ written, real: written }] : [{ written, real }]));
}

/**
 * The path without links. Followed by hand, and not by `realpath`, because that looks at whatever a link leads to.
 * @throws WrongInputError where it leads out of the folders that campaigns may read
 */
async function resolveBelow(path: string, rules: InputRules): Promise<string> {
  const roots = await realRoots(rules);
  let links = 0;
  const entered = (target: string): { at: string; rest: string[] } => {
    for (const { written, real } of roots) {
      const base = [real, written].find((root) => isBelow(target, root));
      if (base !== undefined) return { at: real, rest: relative(base, target).split(sep) };
    }
    throw outside(rules);
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

/** Where the kernel says that an open file lies; where it does not say so, where a file of the same device and inode lies by that name. */
async function openedAs(handle: FileHandle, path: string): Promise<string> {
  const said = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => null);
  if (said !== null) return said;
  const [opened, named, real] = await Promise.all([handle.stat(), lstat(path), realpath(path)]);
  return opened.dev === named.dev && opened.ino === named.ino && real === path ? path : '';
}

function outside({ roots }: InputRules): WrongInputError {
  const shown = roots.slice(0, 8).join(', ');
  return new WrongInputError(
    `expected a file below a folder that campaigns may read (${shown}); move it there, or add its folder to ORRERY_DATA_ROOTS of the worker`,
  );
}
