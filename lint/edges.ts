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

export function edgesOf(sources: Sources): Edge[] {
  return [...sources].flatMap(([from, source]) =>
    importsOf(from, source).map((one) => ({ ...one, from, to: pathOf(from, one.specifier) })),
  );
}

function pathOf(from: string, specifier: string | null): string | null {
  if (specifier === null || !/^\.\.?(?:\/|$)/.test(specifier)) return null;
  return join(dirname(from), specifier);
}

/** The package that a specifier belongs to: `node:*` for Node's own modules, whether they are named with `node:` or without. */
export function packageOf(specifier: string): string {
  if (specifier.startsWith('node:') || isBuiltin(specifier)) return 'node:*';
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}
