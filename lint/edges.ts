import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path/posix';
import { type Import, importsOf } from './imports.ts';

/** Path of a source file (from the root, with `/`) -> its text. */
export type Sources = ReadonlyMap<string, string>;

/** An import and its target. */
export interface Edge extends Import {
  readonly from: string;
  /** Path of the imported file; null for a package and for a computed name. */
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

/** The package of a specifier. `fs`, `node:fs` and `node:fs/promises` all become `node:fs`. */
export function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  if (first.startsWith('node:')) return first;
  if (isBuiltin(first)) return `node:${first}`;
  return first.startsWith('@') ? `${first}/${second}` : first;
}
