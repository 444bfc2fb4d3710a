/** Where an input of a campaign lies: a path, or an address that is fetched; or why it is neither. */
export type Location =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Hosts of this machine: their addresses may go without TLS. */
export const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

const WITHOUT_CREDENTIALS =
  'expected an address without user, password, query and fragment: what a spec says stands in histories and reports, and a query may be a signature; give the worker headers for the host (ORRERY_DATA_HEADERS), or fetch the file yourself (docs/data.md)';

/**
 * Reads what a campaign gives as `path`. Pure. The one reading of it: what `validate` accepts, the worker and the pod open. The words of a
 * refusal never hold the value, which may hold a password.
 */
export function locationOf(value: string): Location {
  if (value.includes('\0')) return refused('expected a path without NUL characters');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'path', path: value };
  if (scheme === 'file') return ofFile(value);
  // A path may hold a colon ("part:1.jsonl"); an address has slashes, but for those that are written wrong.
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
    return refused('expected an address that begins with https:// (http:// is for this machine alone)');
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

/** Null where it is no address. Line breaks and backslashes, which the URL standard repairs, are not. */
function parsed(value: string): URL | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
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
 * A text in which every address is without what may be a credential: user, password, query and fragment. For whatever is shown of a spec,
 * also where it is not an address that would be accepted. Pure. It rather hides too much: up to the last `@` and from the first `?`.
 */
export function withoutCredentials(text: string): string {
  const start = text.indexOf('://') + 3;
  if (start === 2) return text;
  const at = text.lastIndexOf('@') + 1;
  const rest = at > start ? `***@${text.slice(at)}` : text.slice(start);
  const query = rest.search(/[?#]/);
  return text.slice(0, start) + (query === -1 ? rest : `${rest.slice(0, query)}?***`);
}
