import { parseSync } from '@swc/core';
import { declarationsIn, type Found, lineAt } from './found.ts';
import { loadedBy, type Node } from './typescript-nodes.ts';

const IMPORT = /^(?:Import|Export(?:All|Named))Declaration$/;

/**
 * Finds what a TypeScript module loads when it runs as Node runs it, with its types erased: `import type` loads
 * nothing, `import { type X }` loads the module.
 * @throws Error when the text does not parse
 */
export function findInTypeScript(text: string): Found {
  const tree = parseSync(text, { syntax: 'typescript', target: 'es2024' }) as unknown as Node;
  const bytes = Buffer.from(text);
  const lineOf = (start: number): number => lineAt(text, bytes.subarray(0, start - 1).toString().length);
  const startOf = ({ span }: Node): number => span?.start ?? 1;
  const declarations = declarationsIn(text);
  const declared = new Map(declarations.map(({ at, names }) => [Buffer.byteLength(text.slice(0, at)) + 1, names]));
  const found = { imports: [], members: [], programs: [], files: [], declared: [], unfollowed: [] } as {
    -readonly [K in keyof Found]: Found[K][number][];
  };
  const complain = (start: number, what: string) => found.unfollowed.push(`line ${lineOf(start)}: ${what}`);

  /** `spoken`: a declaration speaks for this code, so that only the programs that it names are looked for. */
  function visit(node: Node, spoken: boolean): void {
    const start = startOf(node);
    if (IMPORT.test(node.type)) {
      if (declared.delete(start)) complain(start, '@loads stands above an import, which is followed');
    } else if (node !== tree && !spoken && declared.has(start)) {
      found.declared.push(...declared.get(start)!);
      declared.delete(start);
      visitBelow(node, true);
      return;
    }
    const loaded = loadedBy(node);
    if (loaded?.as === 'unfollowed') {
      if (!spoken) complain(start, loaded.what);
    } else if (loaded !== null && loaded.as !== 'nothing' && (!spoken || loaded.as === 'programs')) {
      found[loaded.as].push(loaded.what);
    }
    if (loaded?.isWhole !== true || spoken) visitBelow(node, spoken);
  }

  function visitBelow(node: Node, spoken: boolean): void {
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) visitChild(child, spoken);
    }
  }

  function visitChild(child: unknown, spoken: boolean): void {
    if (typeof child !== 'object' || child === null) return;
    if (typeof (child as Node).type === 'string') visit(child as Node, spoken);
    // Arguments and the like are wrapped: { spread, expression }.
    else visitBelow(child as Node, spoken);
  }

  visit(tree, false);
  for (const start of declared.keys()) complain(start, 'no statement stands below @loads');
  return found;
}
