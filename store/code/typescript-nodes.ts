import { PYTHON_PROGRAM } from './found.ts';

/** A node of swc's tree: offsets count bytes and begin at 1. */
export interface Node {
  readonly type: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly [field: string]: unknown;
}

/** What one node loads, or why that cannot be followed. */
export interface Loaded {
  readonly as: 'imports' | 'files' | 'programs' | 'unfollowed' | 'nothing';
  /** Empty for `nothing`. */
  readonly what: string;
  /** The node is understood as a whole, and its parts load nothing more. */
  readonly isWhole: boolean;
}

/** Ways to load code or to name files of the project that reading alone cannot follow. */
const UNFOLLOWED: ReadonlySet<string> = new Set(['createRequire', '__dirname', '__filename']);

const whole = (as: Loaded['as'], what = ''): Loaded => ({ as, what, isWhole: true });

/** What a node itself loads; null if only its parts can load something. */
export function loadedBy(node: Node): Loaded | null {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration': {
      const source = node.source as Node | null;
      return source && node.typeOnly !== true ? whole('imports', source.value as string) : whole('nothing');
    }
    case 'TsImportEqualsDeclaration':
      return whole('unfollowed', '`import … =` is not followed');
    case 'CallExpression':
      return loadedByCall(node);
    case 'NewExpression':
      return loadedByUrl(node);
    case 'MetaProperty':
      return node.kind === 'import.meta'
        ? whole('unfollowed', 'import.meta outside `new URL(literal, import.meta.url)`')
        : whole('nothing');
    case 'MemberExpression':
      // Whether a module is the program says nothing about files.
      return isOfMeta(node, 'main') ? whole('nothing') : null;
    case 'Identifier':
      return UNFOLLOWED.has(node.value as string) ? whole('unfollowed', node.value as string) : whole('nothing');
    case 'StringLiteral':
      return PYTHON_PROGRAM.test(node.value as string) ? whole('programs', node.value as string) : whole('nothing');
    case 'TemplateLiteral':
      return loadedByTemplate(node);
    default:
      return null;
  }
}

/** `import(…)`, `require(…)`, `import.meta.resolve(…)`. */
function loadedByCall({ callee, arguments: given }: Node): Loaded | null {
  const called = callee as Node;
  const isRequire = called.type === 'Identifier' && called.value === 'require';
  if (called.type !== 'Import' && !isRequire && !isOfMeta(called, 'resolve')) return null;
  const [first] = given as { expression: Node }[];
  const name = first && literalOf(first.expression);
  return name === undefined
    ? whole('unfollowed', 'an import of a module whose name is no literal')
    : whole('imports', name);
}

/**
 * `new URL(path, import.meta.url)`: a file beside the module, or a folder of them where a part of the path is computed.
 */
function loadedByUrl({ callee, arguments: given }: Node): Loaded | null {
  const [path, base] = ((given ?? []) as { expression: Node }[]).map(({ expression }) => expression);
  if ((callee as Node).value !== 'URL' || path === undefined || base === undefined) return null;
  if (!isOfMeta(base, 'url')) return null;
  const literal = literalOf(path);
  if (literal !== undefined) return /^[a-z]+:/.test(literal) ? whole('nothing') : whole('files', literal);
  const folder =
    path.type === 'TemplateLiteral' ? /^(?:\.\.?\/)(?:[^/]+\/)+/.exec(templateOf(path).head)?.[0] : undefined;
  return folder === undefined ? whole('unfollowed', 'a file whose folder is computed') : whole('files', folder);
}

function loadedByTemplate(node: Node): Loaded | null {
  const { head, isWhole } = templateOf(node);
  if (isWhole) return PYTHON_PROGRAM.test(head) ? whole('programs', head) : null;
  if (!head.startsWith('orrery_trainers.')) return null;
  return { as: 'unfollowed', what: 'a program whose name is put together', isWhole: false };
}

const isOfMeta = ({ type, object, property }: Node, name: string): boolean =>
  type === 'MemberExpression' && (object as Node).type === 'MetaProperty' && (property as Node).value === name;

function literalOf(node: Node): string | undefined {
  if (node.type === 'StringLiteral') return node.value as string;
  if (node.type !== 'TemplateLiteral') return undefined;
  const { head, isWhole } = templateOf(node);
  return isWhole ? head : undefined;
}

/** The text of a template up to its first expression. */
function templateOf(node: Node): { head: string; isWhole: boolean } {
  const { quasis, expressions } = node as unknown as { quasis: { cooked: string }[]; expressions: Node[] };
  return { head: quasis[0]?.cooked ?? '', isWhole: expressions.length === 0 };
}
