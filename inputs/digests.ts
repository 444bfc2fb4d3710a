import { createHash } from 'node:crypto';
import PQueue from 'p-queue';
import type { Data } from '../spec/campaign.ts';
import type { Complaint } from '../spec/complaint.ts';
import { InvalidInputError } from '../spec/errors.ts';
import { locationOf } from '../spec/location.ts';
import { WrongInputError } from './errors.ts';
import { refusalOfHost } from './hosts.ts';
import { type OpenInput, openInput } from './open.ts';
import type { InputRules } from './rules.ts';

/**
 * Inputs are opened by this process one or two at a time, however many campaigns there are: a folder that does not answer takes two of the
 * four threads that Node has for files, and no descriptors are used up.
 */
const queue = new PQueue({ concurrency: 2 });

/** Complaints that are told of one campaign; the rest is counted. */
const TOLD = 20;

/** Why files of a campaign may not be read; empty when all may. Nothing of their content is read. */
export async function inputComplaints(data: Data, rules: InputRules, signal?: AbortSignal): Promise<Complaint[]> {
  return (await eachInput(data, rules, signal, async () => null)).complaints;
}

/**
 * SHA-256 of every problem file that `data` names, by its path as written; undefined where problems are generated. Of what is fetched it is
 * the one that the campaign gives, which `prepare` compares. A file that has not changed since is not read again.
 * @throws InvalidInputError naming the fields of files that may not be read, or are not what their sha256 says
 * @throws the error of the operating system when a file cannot be read now, or the reason of the signal
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
  look: (file: OpenInput) => Promise<string | null>,
): Promise<{ complaints: Complaint[]; results: [path: string, sha256: string][] }> {
  const wrong: Complaint[] = [];
  const results = new Map<string, string>();
  const failed = new AbortController();
  const ends = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  const found = new Map<string, Promise<string | null>>();

  async function lookAt(path: string, address: string | null): Promise<string | null> {
    ends.throwIfAborted();
    if (address !== null) {
      const refusal = refusalOfHost(new URL(address), rules);
      if (refusal !== null) throw new WrongInputError(refusal);
      return null;
    }
    await using file = await openInput(path, rules);
    return await look(file);
  }

  await Promise.all(
    filesOf(data).map(async ({ field, file }) => {
      const location = locationOf(file.path);
      try {
        if (location.kind === 'refused') throw new WrongInputError(location.why);
        const isAddress = location.kind === 'address';
        // One file may stand in several sets.
        const looking =
          found.get(file.path) ??
          queue.add(() => lookAt(isAddress ? '' : location.path, isAddress ? location.address : null));
        found.set(file.path, looking);
        const sha256 = (await looking) ?? file.sha256 ?? null;
        if (sha256 === null) return;
        if (file.sha256 !== undefined && file.sha256 !== sha256) {
          throw new WrongInputError(`expected sha256 ${file.sha256}, as the campaign says, but it is ${sha256}`);
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
  const complaints = wrong.slice(0, TOLD);
  if (wrong.length > TOLD) complaints.push({ field: 'data', message: `${wrong.length - TOLD} more files are refused` });
  return { complaints, results: [...results] };
}

/** An address that was refused may hold a password. */
const shown = (location: ReturnType<typeof locationOf>, path: string): string =>
  location.kind === 'refused' ? 'another' : JSON.stringify(path.length > 200 ? `${path.slice(0, 197)}...` : path);

const filesOf = (data: Data) =>
  data.type === 'generated'
    ? []
    : (['search', 'curriculum', 'benchmarks'] as const).flatMap((set) =>
        data[set].map((file, index) => ({ field: `data.${set}.${index}.path`, file })),
      );

/** Digests that are remembered; some 200 bytes each. */
const REMEMBERED = 50_000;
/** A file that was written to just now may be written to again within the same tick of its clock. */
const SETTLED_MS = 2000;

/** By device, inode, size and times, the one used longest ago first. */
const known = new Map<string, string>();

/** SHA-256 of an open file: read once, and known from then on as long as the file system says that it has not changed. */
export async function digestOf(file: OpenInput, signal?: AbortSignal): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = file.stat;
  const name = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  const before = known.get(name);
  const sha256 = before ?? (await hashed(file, signal));
  known.delete(name);
  if (Date.now() - Number(mtimeNs / 1_000_000n) > SETTLED_MS) known.set(name, sha256);
  if (known.size > REMEMBERED) known.delete(known.keys().next().value as string);
  return sha256;
}

async function hashed(file: OpenInput, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of file.stream()) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  await file.refuseIfChanged();
  return hash.digest('hex');
}
