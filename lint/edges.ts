import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path/posix';
import { type Edge, importsOf, type Sources } from './imports.ts';
import { edgesOfPython } from './python.ts';

/** @throws SyntaxError naming the first file that does not parse */
export function edgesOf(sources: Sources): Edge[] {
  return [...sources].flatMap(([from, source]) =>
    from.endsWith('.py')
      ? edgesOfPython(from, source, sources)
      : importsOf(from, source).map((one) => ({ ...one, from, to: pathOf(from, one.specifier) })),
  );
}

function pathOf(from: string, specifier: string | null): string | null {
  if (specifier === null || !/^\.\.?(?:\/|$)/.test(specifier)) return null;
  return join(dirname(from), specifier);
}

/**
 * The package of a specifier. `fs`, `node:fs` and `node:fs/promises` all become `node:fs`. Packages of Python are
 * `python:torch`.
 */
export function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  if (first.startsWith('node:')) return first;
  if (isBuiltin(first)) return `node:${first}`;
  return first.startsWith('@') ? `${first}/${second}` : first;
}
