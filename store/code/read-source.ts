import { readFileSync, statSync } from 'node:fs';
import { sha256 } from '../canonical.ts';
import type { Found } from './found.ts';
import { findInPackage, isInstalledPackage } from './packages.ts';
import { findInPython } from './python.ts';
import { findInTypeScript } from './typescript.ts';

export interface Source {
  readonly digest: string;
  /** Null for a file that loads nothing: JSON, text. */
  readonly found: Found | null;
}

const known = new Map<string, Source & { readonly stamp: string }>();

/** Reads a source; one that has not changed since costs a `stat`. */
export function readSource(path: string): Source {
  const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true });
  const stamp = [mtimeNs, ctimeNs, size, ino].join(' ');
  const before = known.get(path);
  if (before?.stamp === stamp) return before;
  const content = readFileSync(path);
  const source = { stamp, digest: sha256(content), found: findIn(path, content) };
  known.set(path, source);
  return source;
}

function findIn(path: string, content: Buffer): Found | null {
  try {
    return finderFor(path)?.(content.toString('utf8')) ?? null;
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

function finderFor(path: string): ((text: string) => Found) | null {
  if (/\.[cm]?[jt]s$/.test(path)) return findInTypeScript;
  if (path.endsWith('.py')) return findInPython;
  return isInstalledPackage(path) ? findInPackage : null;
}
