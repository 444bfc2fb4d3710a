import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Logger } from 'pino';
import {
  digestOf,
  fetchTo,
  type InputRules,
  InputUnavailableError,
  type OpenInput,
  openFile,
  WrongInputError,
} from '../../inputs/index.ts';
import type { ProblemFile } from '../../spec/data.ts';
import { locationOf } from '../../spec/location.ts';
import type { StageContext } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';

/** What is needed to open a problem file. */
export interface FetchContext {
  readonly rules: InputRules;
  /** SHA-256 by path, as the stage was planned with. No other file is read. */
  readonly planned: Readonly<Record<string, string>>;
  /** Folder of the store for fetched files: `<sha256>-<name>`. */
  readonly cache: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Reports that reading makes progress. */
  readonly report: StageContext<'prepare'>['report'];
}

/** An open problem file with the content that the stage was planned with. */
export interface ProblemSource {
  readonly file: OpenInput;
  readonly sha256: string;
}

/**
 * Opens a problem file in its place, or fetches it into the cache.
 * @throws StageExit `InvalidInput` when it does not exist, is not a regular file, or differs from what the stage was
 *   planned with; `DependencyDown` when its server cannot be reached
 */
export async function openSource(file: Pick<ProblemFile, 'path'>, context: FetchContext): Promise<ProblemSource> {
  const location = locationOf(file.path);
  const sha256 = context.planned[file.path];
  try {
    if (location.kind === 'refused') throw new WrongInputError(location.why);
    if (sha256 === undefined) throw new WrongInputError('expected its sha256 in the stage file (dataFiles)');
    const opened =
      location.kind === 'address'
        ? await openFetched(location.address, sha256, context)
        : await openPlanned(location.path, sha256, context);
    return { file: opened, sha256 };
  } catch (error) {
    const shown = location.kind === 'refused' ? 'data' : file.path;
    if (error instanceof WrongInputError)
      throw new StageExit('InvalidInput', `${shown}: ${error.message}`, { cause: error });
    if (error instanceof InputUnavailableError)
      throw new StageExit('DependencyDown', `${shown}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function openPlanned(path: string, sha256: string, { rules, signal }: FetchContext): Promise<OpenInput> {
  const file = await openFile(resolve(rules.project, path), rules.maxBytes);
  try {
    if ((await digestOf(file, signal)) === sha256) return file;
    throw new WrongInputError(
      `expected sha256 ${sha256}, as when the stage was planned, but the file has changed since; restore it, or retry the stage, which plans it again`,
    );
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

async function openFetched(address: string, sha256: string, context: FetchContext): Promise<OpenInput> {
  const { cache, rules, signal, log, report } = context;
  const path = join(cache, `${sha256.slice(0, 16)}-${nameOf(address)}`);
  const cached = await openCached(path, sha256, context);
  if (cached !== null) return cached;
  log.info({ address, path }, 'fetching a file of problems');
  await mkdir(cache, { recursive: true });
  const temporary = join(cache, `.${basename(path)}.${process.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`);
  try {
    const onBytes = (done: number, total: number | null) => report({ unit: 'byte', done, total });
    const found = await fetchTo(address, temporary, { rules, signal, onBytes });
    if (found !== sha256) {
      throw new WrongInputError(`expected sha256 ${sha256}, as the campaign says, but got ${found}`);
    }
    const written = await open(temporary, 'r+');
    await written.sync().finally(() => written.close());
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return await openFile(path, rules.maxBytes);
}

/** The file fetched earlier; null when it is missing or incomplete. */
async function openCached(path: string, sha256: string, { rules, signal }: FetchContext): Promise<OpenInput | null> {
  let file: OpenInput;
  try {
    file = await openFile(path, rules.maxBytes);
  } catch (error) {
    if (error instanceof WrongInputError) return null;
    throw error;
  }
  try {
    if ((await digestOf(file, signal)) === sha256) return file;
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
  await file[Symbol.asyncDispose]();
  return null;
}

/** The last part of the address, with only the characters of file names. Its extension may name the format. */
const nameOf = (address: string): string =>
  basename(new URL(address).pathname)
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .slice(-80) || 'file';
