import { lineAt } from './found.ts';
import { type Line, linesOfPython, type Token } from './python-lines.ts';

/** An import statement: `import a.b as c, d` or `from .a import (b as c, d)`. */
export interface ImportStatement {
  /** The module of `from module import`, with its dots; null of a plain `import`. */
  readonly from: string | null;
  /** Modules, or members of `from`, under their own names. */
  readonly names: readonly string[];
  /** Index after its last token. */
  readonly end: number;
}

/** An import statement, and where it stands. */
export interface PythonImport extends Omit<ImportStatement, 'end'> {
  /** For type checkers alone: it stands under `if TYPE_CHECKING:`. */
  readonly typesOnly: boolean;
  /** The first line is 1. */
  readonly line: number;
}

/**
 * Every import statement of a module, inside functions and for types too.
 * @throws Error when the text is no Python
 */
export function importsOfPython(text: string): PythonImport[] {
  const found: PythonImport[] = [];
  let typing: number | null = null;
  for (const line of linesOfPython(text)) {
    if (typing !== null && line.indent <= typing) typing = null;
    if (isForTyping(line)) typing ??= line.indent;
    for (const [index, { kind, text: word, at }] of line.tokens.entries()) {
      if (kind !== 'name' || word !== 'import') continue;
      const { from, names } = importAt(line.tokens, index);
      found.push({ from, names, typesOnly: typing !== null, line: lineAt(text, at) });
    }
  }
  return found;
}

/** `if TYPE_CHECKING:`; what stands under its `else` runs. */
export function isForTyping({ tokens }: Line): boolean {
  const colon = tokens.findIndex(({ text }) => text === ':');
  const words = tokens.slice(0, colon).map(({ text }) => text);
  return /^(?:el)?if (?:typing \. )?TYPE_CHECKING$/.test(words.join(' '));
}

/**
 * The statement whose word `import` is the token at `index`. `import` is a keyword, so that each one is a statement.
 */
export function importAt(tokens: readonly Token[], index: number): ImportStatement {
  const end = endOfImport(tokens, index);
  const names = splitAtCommas(tokens.slice(index + 1, end).map(({ text }) => text));
  return { from: fromOf(tokens, index), names, end };
}

function endOfImport(tokens: readonly Token[], index: number): number {
  const closer = tokens[index + 1]?.text === '(' ? ')' : ';';
  const end = tokens.findIndex(({ text }, at) => at > index && text === closer);
  return end === -1 ? tokens.length : end;
}

function fromOf(tokens: readonly Token[], index: number): string | null {
  let start = index - 1;
  while (
    start >= 0 &&
    (tokens[start]!.text === '.' || (tokens[start]!.kind === 'name' && tokens[start]!.text !== 'from'))
  ) {
    start -= 1;
  }
  if (start < 0 || tokens[start]!.text !== 'from') return null;
  return tokens
    .slice(start + 1, index)
    .map(({ text }) => text)
    .join('');
}

/** The names of an import's list. What a list gives another name (`as`) is loaded under its own. */
function splitAtCommas(words: readonly string[]): string[] {
  const lists: string[][] = [[]];
  for (const word of words) {
    if (word === ',') lists.push([]);
    else if (word !== '(' && word !== ')') lists.at(-1)!.push(word);
  }
  const names = lists.map((list) => list.slice(0, list.includes('as') ? list.indexOf('as') : list.length).join(''));
  return names.filter((name) => name !== '');
}
