import type { Complaint } from './complaint.ts';
import { jsonBytes } from './text.ts';

/** Size limits for a value from outside. */
export interface JsonLimits {
  /** Maximum size of the value as compact JSON in UTF-8. */
  readonly bytes: number;
  /** Maximum nesting of lists and mappings. */
  readonly depth: number;
}

/** A place in the value, linked to the place that contains it. */
interface Place {
  readonly value: unknown;
  readonly depth: number;
  readonly key: string | number;
  readonly parent: Place | null;
}

/**
 * Checks a value before it is parsed with a schema: it must be JSON, well-formed text, and neither too large nor nested
 * too deeply (a cycle counts as too deep). A schema recurses into the value and could overflow the stack. This function
 * therefore uses no recursion, and it stops after `limits.bytes`. Workflows use it too, so it is pure, deterministic
 * and free of zod.
 * @returns the first fault; null for JSON within the limits
 */
export function jsonFault(value: unknown, limits: JsonLimits): Complaint | null {
  const stack: Place[] = [{ value, depth: 0, key: '', parent: null }];
  let left = limits.bytes;
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    const fault = faultOf(place.value);
    if (fault !== null) return { field: pathOf(place), message: fault };
    const children = entriesOf(place.value);
    if (children !== null && place.depth >= limits.depth) {
      const message = `expected lists and mappings at most ${limits.depth} deep, but it is deeper (or contains itself)`;
      return { field: pathOf(place), message };
    }
    left -= children === null ? bytesOf(place.value) : bytesOfContainer(children);
    if (left < 0) return { field: '', message: `expected at most ${limits.bytes} bytes as JSON, but it has more` };
    for (const [key, child] of children ?? []) stack.push({ value: child, depth: place.depth + 1, key, parent: place });
  }
  return null;
}

type Entries = readonly (readonly [key: string | number, value: unknown])[];

/** The entries of a list or mapping; null for anything else. */
function entriesOf(value: unknown): Entries | null {
  if (Array.isArray(value)) return Array.from(value, (item: unknown, index) => [index, item] as const);
  return typeof value === 'object' && value !== null ? Object.entries(value) : null;
}

/** Size of brackets, commas and keys. */
const bytesOfContainer = (entries: Entries): number =>
  entries.reduce((sum, [key]) => sum + 1 + (typeof key === 'string' ? jsonBytes(key) + 1 : 0), 2);

const bytesOf = (value: unknown): number => (typeof value === 'string' ? jsonBytes(value) : String(value).length);

/** Why JSON cannot represent this value; its children are checked separately. */
function faultOf(value: unknown): string | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : HALF_A_PAIR;
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return NOT_JSON;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  // A plain object may come from another realm, so its prototype is recognised by having none itself.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return NOT_JSON;
  const keys = Object.keys(value);
  if (keys.includes('__proto__')) return 'expected no field named __proto__';
  return keys.every((key) => key.isWellFormed()) ? null : HALF_A_PAIR;
}

const NOT_JSON =
  'expected null, true, false, a number, a text, a list or a mapping, as in JSON, but got something else';
const HALF_A_PAIR = 'expected text, but it holds half a surrogate pair';

/** The path of a place, in the format of {@link Complaint}. */
function pathOf(place: Place): string {
  const keys: string[] = [];
  for (let at: Place = place; at.parent !== null; at = at.parent) keys.unshift(String(at.key));
  return keys.join('.');
}
