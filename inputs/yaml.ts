import { closeSync, openSync, readSync } from 'node:fs';
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  Parser,
} from 'yaml';
import type { Complaint } from '../spec/complaint.ts';
import { codeOf } from '../spec/system-errors.ts';

/**
 * Limits for YAML and JSON files that a person wrote: campaigns and cluster settings. The file may contain anything, so
 * its size is limited before parsing, and its nesting is measured without recursion before any recursive code sees it.
 * *Ours*.
 */
const LIMITS = {
  /** Maximum size of the text: twice that of the largest spec, because of indentation and comments. */
  bytes: 512 * 1024,
  depth: 64,
  aliases: 1000,
} as const;

/** A complaint with the number of its line. Lines count from 1. */
export interface LineComplaint extends Complaint {
  readonly line: number;
}

export type ReadYaml =
  | { readonly kind: 'read'; readonly value: unknown; readonly lineOf: (field: string) => number }
  | { readonly kind: 'refused'; readonly complaints: readonly LineComplaint[] };

const refused = (line: number, message: string): ReadYaml => ({
  kind: 'refused',
  complaints: [{ field: '', message, line }],
});

/**
 * Reads a file or a pipe, up to one byte more than the limit. So a file that is too long can be recognised by its
 * length.
 * @throws the error of the operating system if the file cannot be read
 */
export function readBounded(file: string): Uint8Array {
  const bytes = Buffer.alloc(LIMITS.bytes + 1);
  const descriptor = openSync(file, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not read it',
};

/** Describes an error of {@link readBounded}. */
export const describeReadError = (error: unknown): string => READ_ERRORS[codeOf(error)] ?? String(error);

/**
 * Parses one YAML document; JSON is YAML too. Pure. `lineOf` returns the line of a field by its path (`a.0.b`). For a
 * missing field, it returns the line of its parent.
 */
export function readYaml(content: Uint8Array | string): ReadYaml {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  if (bytes.byteLength > LIMITS.bytes)
    return refused(1, `expected at most ${LIMITS.bytes} bytes, but the file has more`);
  const text = new TextDecoder('utf-8').decode(bytes);
  const control = CONTROL_CHARACTER.exec(text);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).padStart(4, '0');
    const line = text.slice(0, control.index).split('\n').length;
    return refused(
      line,
      `expected YAML or JSON as UTF-8 text, but got a character U+${code} (is it another kind of file?)`,
    );
  }
  const lines = new LineCounter();
  const lineAt = (offset: number): number => lines.linePos(offset).line || 1;
  const tokens = [...tokensOf(text, lines)];
  const deep = tooDeep(tokens);
  if (deep !== null) {
    return refused(lineAt(deep), `expected lists and mappings at most ${LIMITS.depth} deep, but it is deeper`);
  }
  const [document, second] = [
    ...new Composer({ stringKeys: true, uniqueKeys: false, prettyErrors: false }).compose(tokens),
  ];
  if (document === undefined || (document.errors.length === 0 && document.contents === null)) {
    return refused(1, 'expected fields, but the file is empty');
  }
  if (second !== undefined) {
    const [start] = second.range;
    return refused(lineAt(start), 'expected one document, but another begins here (---)');
  }
  const faults = [...document.errors, ...document.warnings].map(({ message, pos }) => ({ message, offset: pos[0] }));
  const complaints = [...faults, ...faultsOf(document)].map(({ message, offset }) => ({
    field: '',
    message,
    line: lineAt(offset),
  }));
  if (complaints.length > 0) return { kind: 'refused', complaints };
  // The parser needs no limit for aliases: aliases share one value, and the caller checks the size of the whole value.
  const value: unknown = document.toJS({ maxAliasCount: -1 });
  return { kind: 'read', value, lineOf: (field) => lineAt(offsetOf(document.contents, field)) };
}

// Also U+FFFD, which the decoder inserts for invalid UTF-8.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds them
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffd]/;

function* tokensOf(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) yield* parser.next(lexeme);
  yield* parser.end();
}

/** Offset at which the nesting exceeds the limit; null if it does not. Without recursion. */
function tooDeep(tokens: readonly CST.Token[]): number | null {
  const stack = tokens.map((token) => ({ token, depth: 0 }));
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const { token, depth } = at;
    if (depth > LIMITS.depth) return 'offset' in token ? token.offset : 0;
    const inner = 'items' in token ? token.items.flatMap(({ key, value }: CST.CollectionItem) => [key, value]) : [];
    if ('value' in token && typeof token.value === 'object') inner.push(token.value);
    for (const next of inner) if (next) stack.push({ token: next, depth: depth + ('items' in token ? 1 : 0) });
  }
  return null;
}

interface Fault {
  readonly message: string;
  readonly offset: number;
}

/**
 * Faults that the parser allows: duplicate keys, aliases without an anchor, aliases within their own anchor, too many
 * aliases.
 */
function faultsOf(document: Document.Parsed): Fault[] {
  const faults: Fault[] = [];
  const anchors = new Map<string, 'open' | 'closed'>();
  let aliases = 0;
  const visit = (node: unknown): void => {
    if (!isNode(node)) return;
    const offset = node.range?.[0] ?? 0;
    if (isAlias(node)) {
      aliases += 1;
      const state = anchors.get(node.source);
      if (state === undefined) faults.push({ message: `expected an anchor &${node.source} before this alias`, offset });
      if (state === 'open')
        faults.push({ message: `expected a value, but the alias *${node.source} is within its own anchor`, offset });
      if (aliases === LIMITS.aliases + 1)
        faults.push({ message: `expected at most ${LIMITS.aliases} aliases`, offset });
      return;
    }
    const { anchor } = node as { anchor?: string };
    if (anchor !== undefined) anchors.set(anchor, 'open');
    if (isCollection(node)) visitItems(node.items);
    if (anchor !== undefined) anchors.set(anchor, 'closed');
  };
  const visitItems = (items: readonly unknown[]): void => {
    const keys = new Set<unknown>();
    for (const item of items) {
      if (isNode(item)) {
        visit(item);
        continue;
      }
      const { key, value } = item as { key: unknown; value: unknown };
      if (isScalar(key)) {
        const offset = key.range?.[0] ?? 0;
        if (keys.has(key.value))
          faults.push({
            message: `expected the field ${String(key.value)} only once, but it is repeated here`,
            offset,
          });
        keys.add(key.value);
      }
      visit(key);
      visit(value);
    }
  };
  visit(document.contents);
  return faults;
}

/** Offset of a field by its path. For a missing field, it is the offset of its nearest parent. */
function offsetOf(root: Node | null, field: string): number {
  let node: Node | null = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of field === '' ? [] : field.split('.')) {
    const next: { key: unknown; value: unknown } | null = childOf(node, step);
    if (next === null) break;
    offset = (isNode(next.key) ? next.key.range?.[0] : undefined) ?? offset;
    node = isNode(next.value) ? next.value : null;
  }
  return offset;
}

/** The entry of a mapping or sequence, with the node of its key. */
function childOf(node: Node | null, step: string): { key: unknown; value: unknown } | null {
  if (isMap(node)) return node.items.find(({ key }) => (isScalar(key) ? String(key.value) : null) === step) ?? null;
  const item: unknown = node !== null && 'items' in node ? (node.items as unknown[])[Number(step)] : undefined;
  return item === undefined ? null : { key: item, value: item };
}
