import { type ParseOptions, parseSync } from '@swc/core';

/** One import of another module. */
export interface Import {
  /** A path or a package; null when the name is computed at run time. */
  readonly specifier: string | null;
  /** Whether the import is erased, so that the program does not load the module. */
  readonly typesOnly: boolean;
  /** Counted from 1. */
  readonly line: number;
}

/** A node of swc's syntax tree. `span.start` counts bytes from 1. */
interface Node {
  readonly type?: string;
  readonly span?: { readonly start: number };
  readonly [field: string]: unknown;
}
type Named = Omit<Import, 'line'>;

/** Functions whose argument names a module. */
const LOADERS: ReadonlySet<string> = new Set([
  'import',
  'import.meta.resolve',
  'require',
  'require.resolve',
  'createRequire()',
  'createRequire().resolve',
  'process.getBuiltinModule',
]);

/**
 * Every import of one file: `import`, `export ... from`, `import()`, `require` and its kind, types as
 * `import('...').Name`, augmented modules, and `/// <reference>`. `import { type A } from` counts as a full import:
 * with `verbatimModuleSyntax` it loads the module.
 * @param path - its extension selects the language
 * @throws SyntaxError naming the file when it does not parse
 */
export function importsOf(path: string, source: string): Import[] {
  const bytes = Buffer.from(source);
  const lineAt = (offset: number): number => bytes.subarray(0, offset).toString().split('\n').length;
  const found: Import[] = referencesIn(source);
  visit(parse(path, source), (node) => {
    const named = importOf(node);
    if (named !== null) found.push({ ...named, line: lineAt((node.span?.start ?? 1) - 1) });
  });
  return found;
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
    case 'CallExpression': {
      if (!LOADERS.has(calledAs(node.callee))) return null;
      const [first] = node.arguments as { readonly expression: unknown }[];
      return { specifier: textOf(first?.expression), typesOnly: false };
    }
    default:
      return null;
  }
}

/** A callee as written, with `()` for a call; empty when it cannot be a loader. */
function calledAs(value: unknown): string {
  const callee = value as Node;
  switch (callee.type) {
    case 'Import':
      return 'import';
    case 'Identifier':
      return String(callee.value);
    case 'MetaProperty':
      return 'import.meta';
    case 'CallExpression':
      return `${calledAs(callee.callee)}()`;
    case 'MemberExpression':
      return `${calledAs(callee.object)}.${String((callee.property as Node).value)}`;
    default:
      return '';
  }
}

/** The value of a string literal; null for any other expression. */
function textOf(value: unknown): string | null {
  const node = (value ?? {}) as Node;
  if (node.type === 'StringLiteral') return String(node.value);
  const quasis = node.type === 'TemplateLiteral' ? (node.quasis as Node[]) : [];
  return quasis.length === 1 ? String(quasis[0]?.cooked) : null;
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
