import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path/posix';
import { type Import, importsOf } from './imports.ts';

/** Text of every source file, by its path from the root with `/`. */
export type Sources = ReadonlyMap<string, string>;

/** An import, and where it leads. */
export interface Edge extends Import {
  readonly from: string;
  /** Path of the file that is named; null for a package, and for what is computed. */
  readonly to: string | null;
}

/** @throws SyntaxError naming the first file that does not parse */
export function edgesOf(sources: Sources): Edge[] {
  return [...sources].flatMap(([from, source]) =>
    importsOf(from, source).map((one) => ({ ...one, from, to: pathOf(from, one.specifier) })),
  );
}

function pathOf(from: string, specifier: string | null): string | null {
  if (specifier === null || !/^\.\.?(?:\/|$)/.test(specifier)) return null;
  return join(dirname(from), specifier);
}

/** The package that a specifier belongs to. A module of Node is `node:fs`, whether it is named `fs`, `node:fs` or `node:fs/promises`. */
export function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  if (first.startsWith('node:')) return first;
  if (isBuiltin(first)) return `node:${first}`;
  return first.startsWith('@') ? `${first}/${second}` : first;
}
