import { appendFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { seedFor } from '../../../stages/runtime/random.ts';
import type { Journalled } from './world.ts';

/** Reads, cuts, damages and writes journals without the code under test. */

/**
 * Entries of the journal files of part 0 in the order of their attempts; of each file up to its first invalid line.
 */
export async function entriesOnDisk(dir: string): Promise<Record<string, unknown>[]> {
  const entries: Record<string, unknown>[] = [];
  for (const path of await journalFiles(dir)) {
    for (const line of (await readFile(path, 'latin1')).split(/(?<=\n)/)) {
      const json = Buffer.from(line.slice(9, -1), 'latin1');
      if (!line.endsWith('\n') || line.slice(0, 9) !== `${crc32(json).toString(16).padStart(8, '0')} `) break;
      entries.push(JSON.parse(json.toString('utf8')) as Record<string, unknown>);
    }
  }
  return entries;
}

/** Journal files of part 0 by attempt. */
export async function journalFiles(dir: string): Promise<string[]> {
  const names = await readdir(join(dir, 'journal')).catch(() => []);
  const attemptOf = (name: string) => Number(/attempt-(\d+)/.exec(name)?.[1]);
  return names
    .filter((name) => name.startsWith('00000-'))
    .toSorted((a, b) => attemptOf(a) - attemptOf(b))
    .map((name) => join(dir, 'journal', name));
}

export interface Damage {
  readonly words: string;
  /** Lines that the damage removed. A test appends them later, as a zombie would. */
  readonly tail: { readonly path: string; readonly bytes: Buffer } | null;
}

/** Kinds of damage after a kill, in turn. */
export const DAMAGES = ['nothing', 'a late zombie', 'a flipped bit', 'a cut'] as const;

/** Damages one journal file at random. @param next - uniform in [0, 1) */
export async function damage(dir: string, how: (typeof DAMAGES)[number], next: () => number): Promise<Damage> {
  const files = await journalFiles(dir);
  const path = files[Math.floor(next() * files.length)];
  const content = path === undefined ? Buffer.alloc(0) : await readFile(path);
  if (path === undefined || content.length === 0) return { words: 'nothing to spoil', tail: null };
  const at = Math.floor(next() * content.length);
  const where = `byte ${at} of ${content.length} of ${basename(path)}`;
  switch (how) {
    case 'nothing':
      return { words: 'nothing is spoiled', tail: null };
    case 'a cut':
      await truncate(path, at);
      return { words: `cut at ${where}`, tail: null };
    case 'a flipped bit': {
      const spoiled = Buffer.from(content);
      spoiled[at]! ^= 1 << Math.floor(next() * 8);
      await writeFile(path, spoiled);
      return { words: `a bit is flipped in ${where}`, tail: null };
    }
    case 'a late zombie': {
      // Its last lines are missing: it writes them after another attempt has started.
      const from = content.lastIndexOf(10, at - 1) + 1;
      await truncate(path, from);
      return { words: `the lines behind ${where} come late`, tail: { path, bytes: content.subarray(from) } };
    }
  }
}

export const appendLate = ({ path, bytes }: NonNullable<Damage['tail']>): Promise<void> => appendFile(path, bytes);

/**
 * Seeds of the requests behind journal entries, by kind: no request with such a seed may be sent again. Written from
 * the description: a seed derives from the campaign's seed, the purpose, the item and the sample.
 */
export function seedsBehind(kind: Journalled, entries: readonly Record<string, unknown>[], seed: number): Set<number> {
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
  switch (kind) {
    case 'search':
      return searchSeedsBehind(entries, seed);
    case 'linearise':
      return new Set(
        entries.flatMap(({ problem }) =>
          upTo(200).map((node) => seedFor(seed, 'linearise', String(problem), 'self-evaluation', node)),
        ),
      );
    case 'rewrite':
      return new Set(
        entries.flatMap(({ trace }) =>
          upTo(40).flatMap((step) => upTo(8).map((attempt) => seedFor(seed, 'rewrite', String(trace), step, attempt))),
        ),
      );
    default:
      return new Set(entries.map(({ id }) => seedFor(seed, kind, String(id))));
  }
}

/** No request is sent for a kept answer, or for a finished tree. */
function searchSeedsBehind(entries: readonly Record<string, unknown>[], seed: number): Set<number> {
  const seedOf = (problem: unknown, iteration: unknown, child: number) =>
    seedFor(seed, 'search', String(problem), Number(iteration), ...(child < 0 ? ['expand'] : ['rollouts', child]));
  return new Set(
    entries.flatMap((entry) => {
      if (entry.type !== 'tree') return [seedOf(entry.problem, entry.iteration, Number(entry.child))];
      const { problem, iterations } = entry.tree as { problem: { id: string }; iterations: number };
      const children = Array.from({ length: 9 }, (_, index) => index - 1);
      return Array.from({ length: iterations }, (_, iteration) =>
        children.map((child) => seedOf(problem.id, iteration, child)),
      ).flat();
    }),
  );
}
