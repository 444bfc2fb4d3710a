import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** The checker's own readers. They use no code of `store/` or `spec/`, so they cannot repeat its mistakes. */

/**
 * Reads a JSON file without checking its shape. A wrong shape leads to a violation or an exception, and both fail the
 * soak.
 */
export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}

/** Like {@link readJson}, but null when the file does not exist. */
export async function readJsonIfThere<T>(path: string): Promise<T | null> {
  return await readJson<T>(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
}

/** Reads a file with one JSON value per line. */
export async function readLines<T>(path: string): Promise<T[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as T);
}

/** Sorted names in a folder; empty when the folder does not exist. */
export async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names.toSorted();
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * SHA-256 of a value as JSON without white space and with sorted keys (RFC 8785), as docs/architecture.md defines
 * digests.
 */
export function sha256OfValue(value: unknown): string {
  return createHash('sha256').update(sortedJson(value)).digest('hex');
}

function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const names = Object.keys(value).toSorted();
  const members = names.map(
    (name) => `${JSON.stringify(name)}:${sortedJson((value as Record<string, unknown>)[name])}`,
  );
  return `{${members.join(',')}}`;
}

export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
