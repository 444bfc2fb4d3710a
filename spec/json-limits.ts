import type { Complaint } from './complaint.ts';
import { jsonBytes } from './text.ts';

/** How large a value from outside may be. */
export interface JsonLimits {
  /** Of the value as compact JSON in UTF-8. */
  readonly bytes: number;
  /** Lists and mappings within each other. */
  readonly depth: number;
}

/** A place in the value, linked to the place that holds it. */
interface Place {
  readonly value: unknown;
  readonly depth: number;
  readonly key: string | number;
  readonly parent: Place | null;
}

/**
 * What of a value no schema should be asked about: nested too deep (also: within itself), too large, not JSON, or not text. A schema follows
 * the nesting with its own calls and would overflow the stack; so this function uses no recursion, and looks at no more than `limits.bytes`
 * worth of it. Pure, deterministic and without zod: workflows use it too.
 * @returns null when the value is JSON within the limits
 */
export function jsonFault(value: unknown, limits: JsonLimits): Complaint | null {
  const stack: Place[] = [{ value, depth: 0, key: '', parent: null }];
  let left = limits.bytes;
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    const fault = faultOf(place.value);
    if (fault !== null) return { field: pathOf(place), message: fault };
    const children = entriesOf(place.value);
    if (children !== null && place.depth >= limits.depth) {
      const message = `expected lists and mappings at most ${limits.depth} deep, but it is deeper (or holds itself)`;
      return { field: pathOf(place), message };
    }
    left -= children === null ? bytesOf(place.value) : bytesOfContainer(children);
    if (left < 0) return { field: '', message: `expected at most ${limits.bytes} bytes as JSON, but it has more` };
    for (const [key, child] of children ?? []) stack.push({ value: child, depth: place.depth + 1, key, parent: place });
  }
  return null;
}

type Entries = readonly (readonly [key: string | number, value: unknown])[];

/** What a list or mapping holds; null for anything else. */
function entriesOf(value: unknown): Entries | null {
  if (Array.isArray(value)) return Array.from(value, (item: unknown, index) => [index, item] as const);
  return typeof value === 'object' && value !== null ? Object.entries(value) : null;
}

/** Brackets, commas, keys. */
const bytesOfContainer = (entries: Entries): number =>
  entries.reduce((sum, [key]) => sum + 1 + (typeof key === 'string' ? jsonBytes(key) + 1 : 0), 2);

const bytesOf = (value: unknown): number => (typeof value === 'string' ? jsonBytes(value) : String(value).length);

/** Why a value cannot stand in JSON, its content aside. */
function faultOf(value: unknown): string | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : HALF_A_PAIR;
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return NOT_JSON;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  // By the prototype's prototype, because a plain object may come from another realm.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return NOT_JSON;
  const keys = Object.keys(value);
  if (keys.includes('__proto__')) return 'expected no field of the name __proto__';
  return keys.every((key) => key.isWellFormed()) ? null : HALF_A_PAIR;
}

const NOT_JSON =
  'expected null, true, false, a number, a text, a list or a mapping, as in JSON, but got something else';
const HALF_A_PAIR = 'expected text, but it holds half a surrogate pair';

/** The field as {@link Complaint} names it. */
function pathOf(place: Place): string {
  const keys: string[] = [];
  for (let at: Place = place; at.parent !== null; at = at.parent) keys.unshift(String(at.key));
  return keys.join('.');
}
