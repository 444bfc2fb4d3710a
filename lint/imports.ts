import { type ParseOptions, parseSync } from '@swc/core';
import { calledAs, hiddenLoaderFinder, LOADERS, type Named, type Node, sourceOfUrl, textOf } from './loaders.ts';

/** One import of another module. */
export interface Import extends Named {
  /** Counted from 1. */
  readonly line: number;
}

/** Path of a source file (from the root, with `/`) -> its text. */
export type Sources = ReadonlyMap<string, string>;

/** An import and its target. */
export interface Edge extends Import {
  readonly from: string;
  /** Path of the imported file; null for a package and for a computed name. */
  readonly to: string | null;
}

/**
 * Every import of one file: `import`, `export ... from`, `import()`, `require` and its kind, types as
 * `import('...').Name`, augmented modules, `/// <reference>`, JSDoc's `@import`, and sources named by
 * `new URL('...', import.meta.url)`. `import { type A } from` counts as a full import: with `verbatimModuleSyntax` it
 * loads the module. A loader under another name (`const load = require`) counts as a computed name.
 * @param path - its extension selects the language
 * @throws SyntaxError naming the file when it does not parse
 */
export function importsOf(path: string, source: string): Import[] {
  const bytes = Buffer.from(source);
  const lineAt = (offset: number): number => bytes.subarray(0, offset).toString().split('\n').length;
  const hidesLoader = hiddenLoaderFinder();
  const found: Import[] = referencesIn(source);
  const texts: { readonly start: number; readonly end: number }[] = [];
  visit(parse(path, source), (node) => {
    if (/^(?:StringLiteral|TemplateElement|RegExpLiteral)$/.test(node.type ?? '') && node.span) texts.push(node.span);
    const hidden = hidesLoader(node) ? { specifier: null, typesOnly: false } : null;
    const named = importOf(node) ?? hidden;
    if (named !== null) found.push({ ...named, line: lineAt((node.span?.start ?? 1) - 1) });
  });
  const isText = (at: number): boolean => {
    const offset = Buffer.byteLength(source.slice(0, at)) + 1;
    return texts.some(({ start, end }) => start <= offset && offset < end);
  };
  return [...found, ...jsdocIn(source, isText)];
}

function parse(path: string, source: string): unknown {
  try {
    return parseSync(source, optionsFor(path));
  } catch (error) {
    throw new SyntaxError(`${path} does not parse: ${String(error)}`, { cause: error });
  }
}

function optionsFor(path: string): ParseOptions {
  const isTypeScript = /\.[cm]?tsx?$/.test(path);
  return isTypeScript
    ? { syntax: 'typescript', tsx: path.endsWith('x'), target: 'es2024' }
    : { syntax: 'ecmascript', jsx: path.endsWith('x'), target: 'es2024' };
}

function visit(tree: unknown, meet: (node: Node) => void): void {
  if (typeof tree !== 'object' || tree === null) return;
  if (!Array.isArray(tree)) meet(tree as Node);
  for (const part of Object.values(tree)) visit(part, meet);
}

function importOf(node: Node): Named | null {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      return node.source ? { specifier: textOf(node.source), typesOnly: node.typeOnly === true } : null;
    case 'TsImportEqualsDeclaration': {
      const { type, expression } = node.moduleRef as Node;
      const isModule = type === 'TsExternalModuleReference'; // and not a name within a namespace
      return isModule ? { specifier: textOf(expression), typesOnly: node.isTypeOnly === true } : null;
    }
    case 'TsImportType':
      return { specifier: textOf(node.argument), typesOnly: true };
    case 'TsModuleDeclaration': {
      const specifier = textOf(node.id); // a namespace has an identifier here
      return specifier === null ? null : { specifier, typesOnly: true };
    }
    case 'NewExpression':
      return sourceOfUrl(node);
    case 'CallExpression': {
      if (!LOADERS.has(calledAs(node.callee))) return null;
      const [first] = node.arguments as { readonly expression: unknown }[];
      return { specifier: textOf(first?.expression), typesOnly: false };
    }
    default:
      return null;
  }
}

/** TypeScript treats a `path` as a file even without `./`. */
function referencesIn(source: string): Import[] {
  return [...source.matchAll(/^[ \t]*\/\/\/\s*<reference\s+(path|types)\s*=\s*["']([^"']+)["']/gm)].map(
    ({ 1: kind, 2: name = '', index }) => ({
      specifier: kind === 'path' && !name.startsWith('.') ? `./${name}` : name,
      typesOnly: true,
      line: source.slice(0, index).split('\n').length,
    }),
  );
}

/**
 * Types that a comment names: `@import { A } from './a.ts'`, `{import('./a.ts').A}`.
 * @param isText - whether an offset lies within a string
 */
function jsdocIn(source: string, isText: (at: number) => boolean): Import[] {
  const found: Import[] = [];
  for (const comment of source.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    if (isText(comment.index)) continue;
    const names = /@import\s[^@]*?\bfrom\s+["']([^"']+)["']|\{[^{}]*?\bimport\(\s*["']([^"']+)["']/g;
    for (const { 1: tag, 2: type, index } of comment[0].matchAll(names)) {
      const line = source.slice(0, comment.index + index).split('\n').length;
      found.push({ specifier: tag ?? type!, typesOnly: true, line });
    }
  }
  return found;
}
