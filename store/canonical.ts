import { createHash } from 'node:crypto';

/**
 * Canonical JSON according to RFC 8785: no white space, keys sorted by UTF-16 code units, numbers in the format of
 * ECMAScript. Properties with the value `undefined` are omitted, so a missing optional setting and one that is
 * `undefined` are equal.
 * @throws TypeError for values without a JSON form: NaN, infinities, functions, symbols, big integers, `undefined`
 *   outside an object
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  throw new TypeError(`expected a value that JSON can represent, but got ${String(value)}`);
}

/** SHA-256 of a text or bytes, 64 hexadecimal digits. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** SHA-256 of the {@link canonicalJson} of a value. */
export const sha256Canonical = (value: unknown): string => sha256(canonicalJson(value));

/** Adds the checksum of all its fields to an object. */
export const withChecksum = <T extends object>(value: T): T & { readonly checksum: string } => ({
  ...value,
  checksum: sha256Canonical(value),
});

/**
 * Why the content of an object does not match its `checksum`; null if it does. An object without a checksum does not
 * match.
 */
export function checksumFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected an object';
  const { checksum, ...rest } = value as Record<string, unknown>;
  let found: string;
  try {
    found = sha256Canonical(rest);
  } catch (error) {
    // A number that a double cannot represent, or too many levels of nesting.
    return `cannot be checked: ${(error as Error).message}`;
  }
  return checksum === found ? null : `expected the checksum ${found} for its content, but it has ${String(checksum)}`;
}
