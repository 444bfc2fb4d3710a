import { createHash } from 'node:crypto';
import PQueue from 'p-queue';
import type { Complaint } from '../spec/complaint.ts';
import type { Data } from '../spec/data.ts';
import { InvalidInputError } from '../spec/errors.ts';
import { locationOf } from '../spec/location.ts';
import { WrongInputError } from './errors.ts';
import { refusalOfHost } from './hosts.ts';
import { type OpenInput, openInput } from './open.ts';
import type { InputRules } from './rules.ts';

/**
 * Opens at most two inputs at a time, however many campaigns there are. So a folder that does not answer blocks only
 * two of the four file threads of Node, and no input exhausts the file descriptors.
 */
const queue = new PQueue({ concurrency: 2 });

/** Maximum number of complaints about one campaign; further ones are counted. */
const MAX_COMPLAINTS = 20;

/** Why files of a campaign may not be read; empty if all may be read. The content of the files is not read. */
export async function inputComplaints(data: Data, rules: InputRules, signal?: AbortSignal): Promise<Complaint[]> {
  return (await eachInput(data, rules, signal, async () => null)).complaints;
}

/**
 * SHA-256 of every problem file that `data` names, by the path in `data`; undefined for generated problems. For a file
 * to fetch, it is the sha256 in the campaign, which `prepare` checks. A file that has not changed since the last call
 * is not read again.
 * @throws InvalidInputError that names the fields of files which may not be read or do not match their sha256
 * @throws the error of the operating system if a file cannot be read at the moment, or the reason of the signal
 */
export async function dataFileDigests(
  data: Data,
  rules: InputRules,
  signal?: AbortSignal,
): Promise<Record<string, string> | undefined> {
  if (data.type === 'generated') return undefined;
  const { complaints, results } = await eachInput(data, rules, signal, (file) => digestOf(file, signal));
  if (complaints.length > 0) throw new InvalidInputError('the campaign spec', complaints);
  return Object.fromEntries(results);
}

async function eachInput(
  data: Data,
  rules: InputRules,
  signal: AbortSignal | undefined,
  visit: (file: OpenInput) => Promise<string | null>,
): Promise<{ complaints: Complaint[]; results: [path: string, sha256: string][] }> {
  const wrong: Complaint[] = [];
  const results = new Map<string, string>();
  const failed = new AbortController();
  const ends = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  const found = new Map<string, Promise<string | null>>();

  async function checkInput(path: string, address: string | null): Promise<string | null> {
    ends.throwIfAborted();
    if (address !== null) {
      const refusal = refusalOfHost(new URL(address), rules);
      if (refusal !== null) throw new WrongInputError(refusal);
      return null;
    }
    await using file = await openInput(path, rules);
    return await visit(file);
  }

  await Promise.all(
    filesOf(data).map(async ({ field, file }) => {
      const location = locationOf(file.path);
      try {
        if (location.kind === 'refused') throw new WrongInputError(location.why);
        const isAddress = location.kind === 'address';
        // Several sets may name the same file.
        const check =
          found.get(file.path) ??
          queue.add(() => checkInput(isAddress ? '' : location.path, isAddress ? location.address : null));
        found.set(file.path, check);
        const sha256 = (await check) ?? file.sha256 ?? null;
        if (sha256 === null) return;
        if (file.sha256 !== undefined && file.sha256 !== sha256) {
          throw new WrongInputError(`expected sha256 ${file.sha256} according to the campaign, but it is ${sha256}`);
        }
        results.set(file.path, sha256);
      } catch (error) {
        if (error instanceof WrongInputError)
          wrong.push({ field, message: `${error.message}; got ${shown(location, file.path)}` });
        else failed.abort(error);
      }
    }),
  );
  ends.throwIfAborted();
  const complaints = wrong.slice(0, MAX_COMPLAINTS);
  const more = wrong.length - complaints.length;
  if (more > 0) complaints.push({ field: 'data', message: `${more} more files are refused` });
  return { complaints, results: [...results] };
}

/** The path as a message shows it. A refused address is not shown, because it may contain a password. */
const shown = (location: ReturnType<typeof locationOf>, path: string): string =>
  location.kind === 'refused' ? 'another' : JSON.stringify(path.length > 200 ? `${path.slice(0, 197)}...` : path);

const filesOf = (data: Data) =>
  data.type === 'generated'
    ? []
    : (['search', 'curriculum', 'benchmarks'] as const).flatMap((set) =>
        data[set].map((file, index) => ({ field: `data.${set}.${index}.path`, file })),
      );

/** Maximum number of cached digests. Each takes about 200 bytes. */
const MAX_CACHED = 50_000;
/** A file younger than this is not cached: it may be written again within the same tick of its file system's clock. */
const SETTLED_MS = 2000;

/** Digests by device, inode, size and times; the least recently used first. */
const cache = new Map<string, string>();

/** SHA-256 of an open file. It is cached until the file system reports a change of the file. */
export async function digestOf(file: OpenInput, signal?: AbortSignal): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = file.stat;
  const name = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  const sha256 = cache.get(name) ?? (await hashOf(file, signal));
  cache.delete(name);
  if (Date.now() - Number(mtimeNs / 1_000_000n) > SETTLED_MS) cache.set(name, sha256);
  if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value as string);
  return sha256;
}

async function hashOf(file: OpenInput, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of file.stream()) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  await file.refuseIfChanged();
  return hash.digest('hex');
}
