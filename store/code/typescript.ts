import { parseSync } from '@swc/core';
import { declarationsIn, type Found, lineAt, PYTHON_PROGRAM } from './found.ts';

/** A node of swc's tree: offsets count bytes and begin at 1. */
interface Node {
  readonly type: string;
  readonly span?: { readonly start: number; readonly end: number };
  readonly [field: string]: unknown;
}

/** Ways to load code or to name files of the project that reading alone cannot follow. */
const UNFOLLOWED: ReadonlySet<string> = new Set(['createRequire', '__dirname', '__filename']);

/**
 * Finds what a TypeScript module loads when it runs as Node runs it, with its types erased: `import type` loads
 * nothing, `import { type X }` loads the module.
 * @throws Error when the text does not parse
 */
export function findInTypeScript(text: string): Found {
  const tree = parseSync(text, { syntax: 'typescript', target: 'es2024' }) as unknown as Node;
  const bytes = Buffer.from(text);
  const positionOf = ({ span }: Node): number => bytes.subarray(0, (span?.start ?? 1) - 1).toString().length;
  const declarations = declarationsIn(text);
  const declared = new Map(declarations.map(({ at, names }) => [Buffer.byteLength(text.slice(0, at)) + 1, names]));
  const found = { imports: [], members: [], programs: [], files: [], declared: [], unfollowed: [] } as {
    -readonly [K in keyof Found]: Found[K][number][];
  };
  const complain = (node: Node, what: string) =>
    found.unfollowed.push(`line ${lineAt(text, positionOf(node))}: ${what}`);

  /** `spoken`: a declaration speaks for what is below, which is not followed itself. */
  function visit(node: Node, spoken: boolean): void {
    const isNamed = node === tree || /^(?:Import|Export(?:All|Named))Declaration$/.test(node.type);
    const names = spoken || isNamed ? undefined : declared.get(node.span?.start ?? -1);
    if (names !== undefined) {
      declared.delete(node.span!.start);
      found.declared.push(...names);
      visitBelow(node, true);
      return;
    }
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
      case 'ExportNamedDeclaration': {
        const source = node.source as Node | null;
        if (declared.delete(node.span?.start ?? -1)) complain(node, '@loads stands above an import, which is followed');
        if (source && node.typeOnly !== true) found.imports.push(source.value as string);
        return;
      }
      case 'TsImportEqualsDeclaration':
        complain(node, '`import … =` is not followed');
        return;
      case 'CallExpression':
        if (visitCall(node, spoken)) return;
        break;
      case 'NewExpression':
        if (visitUrl(node, spoken)) return;
        break;
      case 'MetaProperty':
        if (!spoken && node.kind === 'import.meta')
          complain(node, 'import.meta outside `new URL(literal, import.meta.url)`');
        return;
      case 'MemberExpression': {
        const { object, property } = node as unknown as { object: Node; property: Node };
        // Whether a module is the program says nothing about files.
        if (object.type === 'MetaProperty' && property.value === 'main') return;
        break;
      }
      case 'Identifier':
        if (!spoken && UNFOLLOWED.has(node.value as string)) complain(node, `${node.value}`);
        return;
      case 'StringLiteral':
        if (PYTHON_PROGRAM.test(node.value as string)) found.programs.push(node.value as string);
        return;
      case 'TemplateLiteral': {
        const { head, isWhole } = templateOf(node);
        if (isWhole && PYTHON_PROGRAM.test(head)) found.programs.push(head);
        else if (!isWhole && !spoken && head.startsWith('orrery_trainers.'))
          complain(node, 'a program whose name is put together');
        break;
      }
    }
    visitBelow(node, spoken);
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

  function visitCall(node: Node, spoken: boolean): boolean {
    const { callee, arguments: given } = node as unknown as { callee: Node; arguments: { expression: Node }[] };
    const isImport = callee.type === 'Import';
    const isRequire = callee.type === 'Identifier' && callee.value === 'require';
    const isResolve =
      callee.type === 'MemberExpression' &&
      (callee.object as Node).type === 'MetaProperty' &&
      (callee.property as Node).value === 'resolve';
    if (!isImport && !isRequire && !isResolve) return false;
    if (spoken) return false;
    const name = given[0] && literalOf(given[0].expression);
    if (name === undefined) complain(node, 'an import of a module whose name is no literal');
    else found.imports.push(name);
    return true;
  }

  /**
   * `new URL(path, import.meta.url)`: a file beside the module, or a folder of them where a part of the path is
   * computed.
   */
  function visitUrl(node: Node, spoken: boolean): boolean {
    const { callee, arguments: given } = node as unknown as { callee: Node; arguments: { expression: Node }[] | null };
    const [path, base] = (given ?? []).map(({ expression }) => expression);
    if (spoken || callee.value !== 'URL' || path === undefined || base === undefined || !isModuleUrl(base))
      return false;
    const literal = literalOf(path);
    if (literal !== undefined) {
      if (/^[a-z]+:/.test(literal)) return true;
      found.files.push(literal);
      return true;
    }
    const folder =
      path.type === 'TemplateLiteral' ? /^(?:\.\.?\/)(?:[^/]+\/)+/.exec(templateOf(path).head)?.[0] : undefined;
    if (folder === undefined) complain(node, 'a file whose folder is computed');
    else found.files.push(folder);
    return true;
  }

  visit(tree, false);
  for (const at of declared.keys()) {
    found.unfollowed.push(
      `line ${lineAt(text, bytes.subarray(0, at - 1).toString().length)}: no statement stands below @loads`,
    );
  }
  return found;
}

const isModuleUrl = (node: Node): boolean =>
  node.type === 'MemberExpression' &&
  (node.object as Node).type === 'MetaProperty' &&
  (node.property as Node).value === 'url';

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
