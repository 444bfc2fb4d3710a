import { createHash } from 'node:crypto';

/**
 * Canonical JSON after RFC 8785: no white space, keys sorted by UTF-16 code units, numbers as ECMAScript prints them. A property that
 * is `undefined` is left out, so that an optional setting not given and one given as `undefined` are equal.
 * @throws TypeError for what JSON cannot say: NaN, infinities, functions, symbols, big integers, `undefined` outside an object
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
  throw new TypeError(`expected a value that JSON can say, but got ${String(value)}`);
}

/** SHA-256 of a text or bytes, 64 hexadecimal digits. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** SHA-256 of the {@link canonicalJson} of a value. */
export const sha256Canonical = (value: unknown): string => sha256(canonicalJson(value));

/** An object with the checksum of all that it says. */
export const withChecksum = <T extends object>(value: T): T & { readonly checksum: string } => ({
  ...value,
  checksum: sha256Canonical(value),
});

/** Why an object does not hold by its own `checksum`; null where it does. An object without one does not. */
export function checksumFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected an object';
  const { checksum, ...rest } = value as Record<string, unknown>;
  let found: string;
  try {
    found = sha256Canonical(rest);
  } catch (error) {
    // A number beyond what a double holds, or nested too deep.
    return `cannot be checked: ${(error as Error).message}`;
  }
  return checksum === found ? null : `expected the checksum ${found} of what it says, but it has ${String(checksum)}`;
}
