import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { InvalidInputError } from '../spec/errors.ts';

/** Rules for what campaigns may read and fetch. They come from the environment of the worker (docs/data.md). */
export interface InputRules {
  /** Base folder of relative paths. */
  readonly project: string;
  /** Absolute paths of the folders below which files may be read. */
  readonly roots: readonly string[];
  /** Maximum size of a file to read or fetch, in bytes. */
  readonly maxBytes: number;
  /** Hosts with private addresses from which fetching is allowed: `host` or `host:port`. */
  readonly hosts: ReadonlySet<string>;
  /** Request headers (credentials) by `host` or `host:port`. */
  readonly headers: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Default maximum size of a file in GiB. A set of a million problems has about 1 GiB. *Ours*. */
const MAX_GIB = 64;

const Host = z.string().regex(/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/);
const Headers = z.record(
  Host,
  z.record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/), z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/)),
);

/**
 * Reads the rules from the environment.
 * @param at.project - base folder of relative paths. Campaigns may always read its folders `data/` and `examples/`
 * @param at.store - the store. Campaigns may always read its folder `inputs/`
 * @throws InvalidInputError that names every invalid variable, without its value
 */
export function inputRules(
  env: NodeJS.ProcessEnv,
  at: { readonly project: string; readonly store: string },
): InputRules {
  const complaints: { field: string; message: string }[] = [];
  const complain = (field: string, message: string): void => void complaints.push({ field, message });

  const more = (env.ORRERY_DATA_ROOTS ?? '').split(delimiter).filter((folder) => folder !== '');
  const maxGib = Number(env.ORRERY_DATA_MAX_GIB || MAX_GIB);
  if (!(maxGib > 0 && maxGib <= 2 ** 20))
    complain('ORRERY_DATA_MAX_GIB', 'expected a number above 0 and at most 1048576');
  const hosts = (env.ORRERY_DATA_HOSTS ?? '')
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((host) => host !== '');
  if (!hosts.every((host) => Host.safeParse(host).success)) {
    complain('ORRERY_DATA_HOSTS', 'expected hosts (host or host:port), separated by commas');
  }
  const headers = parsedHeaders(env.ORRERY_DATA_HEADERS);
  if (headers === null) {
    complain('ORRERY_DATA_HEADERS', 'expected JSON of the form {"host": {"header": "value"}}');
  }
  if (complaints.length > 0) throw new InvalidInputError('the environment', complaints);
  return {
    project: at.project,
    roots: [
      join(at.project, 'data'),
      join(at.project, 'examples'),
      join(at.store, 'inputs'),
      ...more.map((folder) => resolve(at.project, folder)),
    ],
    maxBytes: Math.floor(maxGib * 2 ** 30),
    hosts: new Set(hosts),
    headers: new Map(Object.entries(headers ?? {})),
  };
}

/** The headers by host; null for invalid text. */
function parsedHeaders(text: string | undefined): z.infer<typeof Headers> | null {
  if (text === undefined || text.trim() === '') return {};
  try {
    return Headers.parse(JSON.parse(text));
  } catch {
    return null; // the error is dropped because it would quote the value
  }
}

/** The setting for the host of an address: that of `host:port` if there is one, otherwise that of `host`. */
export const settingOfHost = <T>({ host, hostname }: URL, found: (host: string) => T | undefined): T | undefined =>
  found(host) ?? found(hostname);
