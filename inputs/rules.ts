import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import { InvalidInputError } from '../spec/errors.ts';

/** What campaigns may read and fetch: settings of whoever runs the worker, from its environment (docs/data.md). */
export interface InputRules {
  /** Folder that relative paths start at. */
  readonly project: string;
  /** Folders that files may lie below, absolute. */
  readonly roots: readonly string[];
  /** Largest file that is read or fetched, in bytes. */
  readonly maxBytes: number;
  /** Hosts that may be fetched from although their addresses are private: `host` or `host:port`. */
  readonly hosts: ReadonlySet<string>;
  /** Headers that a host is sent, by `host` or `host:port`: credentials. */
  readonly headers: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Largest file where nothing else is set, in GiB; *ours*. A set of a million problems has about one. */
const MAX_GIB = 64;

const Host = z.string().regex(/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/);
const Headers = z.record(
  Host,
  z.record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/), z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/)),
);

/**
 * Reads the rules from the environment.
 * @param at.project - folder that relative paths start at; its `data/` and `examples/` may always be read
 * @param at.store - the store; its `inputs/` may always be read
 * @throws InvalidInputError naming every variable that is not as expected, and no value
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
    complain('ORRERY_DATA_HOSTS', 'expected hosts (host or host:port) with commas between them');
  }
  const headers = parsedHeaders(env.ORRERY_DATA_HEADERS);
  if (headers === null) {
    complain('ORRERY_DATA_HEADERS', 'expected JSON of the form {"host": {"header": "value"}}');
  }
  if (complaints.length > 0) throw new InvalidInputError('the environment', complaints);
  return {
    project: at.project,
    roots: [
      ...[join(at.project, 'data'), join(at.project, 'examples'), join(at.store, 'inputs')],
      ...more.map((folder) => resolve(at.project, folder)),
    ],
    maxBytes: Math.floor(maxGib * 2 ** 30),
    hosts: new Set(hosts),
    headers: new Map(Object.entries(headers ?? {})),
  };
}

/** Null where the text is not as expected. */
function parsedHeaders(text: string | undefined): z.infer<typeof Headers> | null {
  if (text === undefined || text.trim() === '') return {};
  try {
    return Headers.parse(JSON.parse(text));
  } catch {
    return null; // the error would quote the value
  }
}

/** What the rules have for the host of an address, by `host:port` before `host`. */
export const ofHost = <T>({ host, hostname }: URL, found: (host: string) => T | undefined): T | undefined =>
  found(host) ?? found(hostname);
