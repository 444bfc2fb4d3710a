/** A node of swc's syntax tree. `span.start` counts bytes from 1. */
export interface Node {
  readonly type?: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly [field: string]: unknown;
}

/** The module that a node names. */
export interface Named {
  /** A path or a package; null when the name is computed at run time. */
  readonly specifier: string | null;
  /** Whether the import is erased, so that the program does not load the module. */
  readonly typesOnly: boolean;
}

/** Functions whose argument names a module. */
export const LOADERS: ReadonlySet<string> = new Set([
  'import',
  'import.meta.resolve',
  'require',
  'require.resolve',
  'createRequire()',
  'createRequire().resolve',
  'process.getBuiltinModule',
]);

/** Loaders that another name would hide. */
const ALIASED: ReadonlySet<string> = new Set(['require', 'createRequire', 'getBuiltinModule']);

/** Loaders that are reached through an object: `module.createRequire`, `globalThis.require`. */
const HIDING = /\.(?:createRequire|getBuiltinModule)$|^(?:module|globalThis|process\.mainModule)\.require$/;

/** Files that Node or Python may run. */
const SOURCE = /\.(?:[cm]?[jt]sx?|py)$/;

/** `new URL(path, import.meta.url)`: the source that it names; null for other files, folders and addresses. */
export function sourceOfUrl({ callee, arguments: given }: Node): Named | null {
  const [path, base] = ((given ?? []) as { expression: Node }[]).map(({ expression }) => expression);
  if (path === undefined || base === undefined || !isUrlOf(callee as Node, base)) return null;
  const specifier = textOf(path);
  if (specifier === null) return isDataFile(path) ? null : { specifier: null, typesOnly: false };
  if (/^[a-z]+:/.test(specifier) || !SOURCE.test(specifier)) return null;
  return { specifier: /^[./]/.test(specifier) ? specifier : `./${specifier}`, typesOnly: false };
}

const isUrlOf = (callee: Node, base: Node): boolean =>
  callee.type === 'Identifier' && callee.value === 'URL' && calledAs(base) === 'import.meta.url';

/** A template whose file has an extension, and not that of a source: `./prompts/${name}.md`. */
function isDataFile({ type, quasis }: Node): boolean {
  const end = type === 'TemplateLiteral' ? String((quasis as Node[]).at(-1)?.cooked) : '';
  return /\.\w+$/.test(end) && !SOURCE.test(end);
}

/**
 * Finds loaders that are hidden behind another name: `const load = require`, `import { createRequire as load }`. What
 * they load cannot be seen. The nodes of a file must be met from the root down.
 */
export function hiddenLoaderFinder(): (node: Node) => boolean {
  /** Nodes that are what they seem: a loader where it is called, the name of a field. */
  const plain = new WeakSet<object>();
  function markCallee(callee: Node): void {
    plain.add(callee);
    if (callee.type === 'MemberExpression') markCallee(callee.object as Node);
  }
  return (node) => {
    switch (node.type) {
      case 'CallExpression': {
        const called = calledAs(node.callee);
        if (LOADERS.has(called) || called === 'createRequire') markCallee(node.callee as Node);
        return called === 'createRequire' && !plain.has(node);
      }
      case 'VariableDeclarator': {
        const { id, init } = node as unknown as { id: Node; init: Node | null };
        if (id.value === 'require' && init !== null && calledAs(init) === 'createRequire()') {
          plain.add(id);
          plain.add(init);
        }
        return false;
      }
      case 'ImportSpecifier':
        if ((node.imported ?? null) === null) plain.add(node.local as Node);
        return false;
      case 'KeyValueProperty': // { require: 1 }
        plain.add(node.key as Node);
        return false;
      case 'MemberExpression':
        plain.add(node.property as Node);
        return !plain.has(node) && HIDING.test(calledAs(node));
      case 'Identifier':
        return ALIASED.has(String(node.value)) && !plain.has(node);
      default:
        return false;
    }
  };
}

/** A callee as written, with `()` for a call; empty when it cannot be a loader. */
export function calledAs(value: unknown): string {
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
export function textOf(value: unknown): string | null {
  const node = (value ?? {}) as Node;
  if (node.type === 'StringLiteral') return String(node.value);
  const quasis = node.type === 'TemplateLiteral' ? (node.quasis as Node[]) : [];
  return quasis.length === 1 ? String(quasis[0]?.cooked) : null;
}
