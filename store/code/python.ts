import { declarationsIn, type Found, lineAt, PYTHON_PROGRAM } from './found.ts';
import { importAt, isForTyping } from './python-imports.ts';
import { linesOfPython, type Token } from './python-lines.ts';

/** Ways to load code or to name files of the project that reading alone cannot follow. */
const NAMES_UNFOLLOWED =
  /^(?:__file__|__path__|__loader__|__spec__|__import__|__builtins__|importlib|imp|runpy|pkgutil|zipimport|exec|eval)$/;
const MODULES_UNFOLLOWED = /^(?:importlib|imp|runpy|pkgutil|zipimport)(?:\.|$)/;
const SEARCH_PATHS: ReadonlySet<string> = new Set(['path', 'meta_path', 'path_hooks']);

/**
 * Finds what a Python module loads: its imports, inside functions too, but not those for type checkers alone
 * (`if TYPE_CHECKING:`).
 * @throws Error when the text is no Python
 */
export function findInPython(text: string): Found {
  const declarations = new Map(declarationsIn(text).map(({ at, names }) => [at, names]));
  const found = { imports: [], members: [], programs: [], files: [], declared: [], unfollowed: [] } as {
    -readonly [K in keyof Found]: Found[K][number][];
  };
  const complain = ({ at }: Token, what: string) => found.unfollowed.push(`line ${lineAt(text, at)}: ${what}`);

  /** Blocks whose lines are not followed: indented deeper than the line above them. */
  let typing: number | null = null;
  let spoken: number | null = null;
  for (const line of linesOfPython(text)) {
    if (typing !== null && line.indent > typing) continue;
    typing = null;
    if (spoken !== null && line.indent <= spoken) spoken = null;
    const names = declarations.get(line.tokens[0]!.at);
    if (names !== undefined) {
      declarations.delete(line.tokens[0]!.at);
      found.declared.push(...names);
      spoken ??= line.indent;
    }
    if (isForTyping(line)) typing = line.indent;
    else visit(line.tokens, spoken !== null);
  }

  function visit(tokens: readonly Token[], isSpoken: boolean): void {
    let inImport = -1;
    for (const [index, token] of tokens.entries()) {
      const { kind, text: word } = token;
      if (kind === 'string') visitString(token, isSpoken);
      if (kind !== 'name' || index < inImport) continue;
      if (word === 'import') {
        inImport = visitImport(tokens, index);
      } else if (!isSpoken && isUnfollowed(tokens, index)) complain(token, word);
    }
  }

  function visitString(token: Token, isSpoken: boolean): void {
    const [, prefix, body] = /^([A-Za-z]*)(?:'''|"""|'|")([\s\S]*?)(?:'''|"""|'|")$/.exec(token.text)!;
    if (!/[fFtT]/.test(prefix!)) {
      if (PYTHON_PROGRAM.test(body!)) found.programs.push(body!);
    } else if (!isSpoken) {
      if (body!.startsWith('orrery_trainers.')) complain(token, 'a program whose name is put together');
      for (const [word] of body!.matchAll(/\w+/g)) if (NAMES_UNFOLLOWED.test(word)) complain(token, word);
    }
  }

  /** @returns the index after the statement */
  function visitImport(tokens: readonly Token[], index: number): number {
    const { from, names, end } = importAt(tokens, index);
    for (const module of from === null ? names : [from]) {
      if (!MODULES_UNFOLLOWED.test(module)) found.imports.push(module);
      // Of `import importlib` the names that are used tell.
      else if (from !== null) complain(tokens[index]!, `from ${module}`);
    }
    if (from !== null && !MODULES_UNFOLLOWED.test(from)) {
      for (const name of names) found.members.push({ module: from, name });
    }
    return end;
  }

  for (const at of declarations.keys()) {
    found.unfollowed.push(`line ${lineAt(text, at)}: no statement stands below @loads`);
  }
  return found;
}

function isUnfollowed(tokens: readonly Token[], index: number): boolean {
  const [owner, dot] = [tokens[index - 2]?.text, tokens[index - 1]?.text];
  const word = tokens[index]!.text;
  if (dot !== '.') return NAMES_UNFOLLOWED.test(word) && tokens[index + 1]?.text !== '=';
  // An attribute has any name: `model.eval()`.
  return word === '__file__' || word === '__path__' || (owner === 'sys' && SEARCH_PATHS.has(word));
}
