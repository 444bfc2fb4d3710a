import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { ProblemFile } from '../../spec/index.ts';
import { sha256File } from '../../store/index.ts';
import type { StageContext } from '../context.ts';
import { StageExit } from '../exits.ts';
import { PROJECT } from '../python.ts';

/** A problem file on this machine. */
export interface LocalFile {
  readonly path: string;
  readonly sha256: string;
}

export interface FetchContext {
  /** Folder of the store that keeps what was fetched: `<sha256>-<name>`. */
  readonly cache: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Tells that reading goes on. */
  readonly report: StageContext<'prepare'>['report'];
}

/** Answers of a server that is there and does not have it: another attempt would hear the same. */
const isRefusal = (status: number): boolean => status >= 400 && status < 500 && ![408, 425, 429].includes(status);

/**
 * The file on this machine: where it lies, or fetched into the cache. Both are checked against the sha256 that the spec gives.
 * @throws StageExit `InvalidInput` when it is not there, or not what the sha256 says; `DependencyDown` when its server cannot be reached
 */
export async function localFile(file: Pick<ProblemFile, 'path' | 'sha256'>, context: FetchContext): Promise<LocalFile> {
  const remote = /^https?:/.test(file.path);
  const path = remote ? await fetched(file.path, file.sha256 ?? '', context) : pathOf(file.path);
  const sha256 = await sha256File(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new StageExit('InvalidInput', `${path}: expected a file of problems, but there is none`, { cause: error });
  });
  if (file.sha256 === undefined || file.sha256 === sha256) return { path, sha256 };
  throw new StageExit(
    'InvalidInput',
    `${path}: expected sha256 ${file.sha256}, as the campaign says, but it is ${sha256}`,
  );
}

/** A path of a campaign as an absolute one. */
export const pathOf = (path: string): string =>
  path.startsWith('file://') ? fileURLToPath(path) : resolve(PROJECT, path);

async function fetched(address: string, sha256: string, context: FetchContext): Promise<string> {
  const { cache, log } = context;
  const path = join(cache, `${sha256.slice(0, 16)}-${basename(new URL(address).pathname)}`);
  const known = await stat(path).catch(() => null);
  if (known !== null && (await sha256File(path)) === sha256) return path;
  log.info({ address, path }, 'fetches a file of problems');
  await mkdir(cache, { recursive: true });
  const temporary = join(cache, `.${basename(path)}.${process.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`);
  try {
    await download(address, temporary, context);
    const found = await sha256File(temporary);
    if (found !== sha256) {
      throw new StageExit(
        'InvalidInput',
        `${address}: expected sha256 ${sha256}, as the campaign says, but got ${found}`,
      );
    }
    const written = await open(temporary, 'r+');
    await written.sync().finally(() => written.close());
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return path;
}

async function download(address: string, path: string, { signal, report }: FetchContext): Promise<void> {
  let response: Response;
  try {
    response = await fetch(address, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new StageExit('DependencyDown', `${address}: could not be reached: ${reasonOf(error)}`, { cause: error });
  }
  if (!response.ok || response.body === null) {
    const words = `${address}: expected a file of problems, but the server answered ${response.status} ${response.statusText}`;
    throw new StageExit(isRefusal(response.status) ? 'InvalidInput' : 'DependencyDown', words.trim());
  }
  const total = Number(response.headers.get('content-length')) || null;
  let done = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _, next) {
      done += chunk.length;
      report({ unit: 'byte', done, total });
      next(null, chunk);
    },
  });
  const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
  try {
    await pipeline(body, counting, createWriteStream(path), { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (isOfDisk(error)) throw error;
    throw new StageExit('DependencyDown', `${address}: broke off: ${reasonOf(error)}`, { cause: error });
  }
}

const isOfDisk = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].includes((error as NodeJS.ErrnoException).code ?? '');

const reasonOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
};
