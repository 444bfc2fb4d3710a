/** Location of an input of a campaign: a path, an address to fetch, or the reason why it is refused. */
export type Location =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Names of this machine. Their addresses may use http. */
export const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

const WITHOUT_CREDENTIALS =
  'expected an address without user, password, query or fragment, because specs appear in histories and reports, and a query may be a signature; set headers for the host in ORRERY_DATA_HEADERS of the worker, or fetch the file yourself (docs/data.md)';

/**
 * Parses a `path` of a campaign. `orrery validate`, the worker and the pods all use this function, so they agree. Pure.
 * The reason of a refusal never contains the value, which may hold a password.
 */
export function locationOf(value: string): Location {
  if (value.includes('\0')) return refused('expected a path without NUL characters');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'path', path: value };
  if (scheme === 'file') return ofFile(value);
  // A path may contain a colon ("part:1.jsonl"). An address contains "://", except for a misspelt http address.
  if (!/^[^:]*:\/\//.test(value) && !['http', 'https'].includes(scheme)) return { kind: 'path', path: value };
  if (scheme !== 'https' && scheme !== 'http') {
    return refused('expected a path, or an address that begins with file:/// or https://');
  }
  return ofServer(value);
}

function ofServer(value: string): Location {
  const url = parsed(value);
  if (url === null || !/^https?:\/\/[^/]/i.test(value))
    return refused('expected an address of the form https://host/path');
  if (url.username !== '' || url.password !== '' || /[?#@]/.test(value)) return refused(WITHOUT_CREDENTIALS);
  if (url.protocol === 'http:' && !LOOPBACK_HOSTS.has(url.hostname)) {
    return refused('expected an address that begins with https:// (http:// is only allowed for this machine)');
  }
  return { kind: 'address', address: url.href };
}

function ofFile(value: string): Location {
  const url = parsed(value);
  const path = url === null ? null : decoded(url.pathname);
  const isWhole = /^file:\/\/(localhost)?\//i.test(value) && url?.search === '' && url.hash === '';
  if (path === null || !isWhole || /%2f|%00/i.test(value)) {
    return refused('expected file:/// and an absolute path of this machine');
  }
  return { kind: 'path', path };
}

const refused = (why: string): Location => ({ kind: 'refused', why });

/** The URL; null for an invalid one. Line breaks and backslashes, which the URL standard would repair, are invalid. */
function parsed(value: string): URL | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern refuses them
  return /[\u0000-\u0020\u007f\\]/.test(value) || !URL.canParse(value) ? null : new URL(value);
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/**
 * Removes possible credentials from an address: user, password, query and fragment. Use it for every text from a spec
 * that is shown, even if the text is not a valid address. It hides too much rather than too little: everything up to
 * the last `@` and from the first `?`. Pure.
 */
export function withoutCredentials(text: string): string {
  const start = text.indexOf('://') + 3;
  if (start === 2) return text;
  const at = text.lastIndexOf('@') + 1;
  const rest = at > start ? `***@${text.slice(at)}` : text.slice(start);
  const query = rest.search(/[?#]/);
  return text.slice(0, start) + (query === -1 ? rest : `${rest.slice(0, query)}?***`);
}
