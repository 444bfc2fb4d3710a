/** A word, string or sign of Python. */
export interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'sign';
  readonly text: string;
  readonly at: number;
}

/** A logical line: brackets, strings and backslashes may carry it over several of the file. */
export interface Line {
  /** Column of its first token; a tab goes to the next multiple of eight. */
  readonly indent: number;
  readonly tokens: readonly Token[];
}

const SPACE = /[ \t\f]+|\\\r?\n/y;
const COMMENT = /#[^\n]*/y;
const NEWLINE = /\r?\n/y;
const STRING_START = /[A-Za-z]{0,2}(?:'''|"""|'|")/y;
const NAME = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const NUMBER = /\.?\d(?:[eE][+-]|[\w.])*/y;
const SIGN = /[-+*/%@&|^~<>=!.,:;()[\]{}]/y;
const CLOSES: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/**
 * Cuts Python into logical lines of tokens, without comments and blank lines.
 * @throws Error naming the line where it finds what is no Python: an open string, a bracket that does not fit, a
 *   foreign character
 */
export function linesOfPython(text: string): Line[] {
  const lines: Line[] = [];
  const open: string[] = [];
  let tokens: Token[] = [];
  let at = text.startsWith('\uFEFF') ? 1 : 0;

  const refuse = (what: string): never => {
    throw new Error(`line ${text.slice(0, at).split('\n').length}: expected Python, but ${what}`);
  };
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const taken = pattern.exec(text)?.[0];
    if (taken !== undefined) at += taken.length;
    return taken;
  };
  const endLine = () => {
    if (tokens.length > 0) lines.push({ indent: columnOf(text, tokens[0]!.at), tokens });
    tokens = [];
  };

  while (at < text.length) {
    if (take(SPACE) !== undefined || take(COMMENT) !== undefined) continue;
    if (take(NEWLINE) !== undefined) {
      if (open.length === 0) endLine();
      continue;
    }
    const from = at;
    const start = take(STRING_START);
    if (start !== undefined) {
      at = endOfString(text, at, start.replace(/^[A-Za-z]*/, '')) ?? refuse('a string does not end');
      tokens.push({ kind: 'string', text: text.slice(from, at), at: from });
      continue;
    }
    const name = take(NAME);
    if (name !== undefined) {
      tokens.push({ kind: 'name', text: name, at: from });
      continue;
    }
    const number = take(NUMBER);
    if (number !== undefined) {
      tokens.push({ kind: 'number', text: number, at: from });
      continue;
    }
    const sign = take(SIGN) ?? refuse(`"${text[at]}" is none`);
    if ('([{'.includes(sign)) open.push(sign);
    else if (sign in CLOSES && open.pop() !== CLOSES[sign]) refuse(`"${sign}" closes nothing`);
    tokens.push({ kind: 'sign', text: sign, at: from });
  }
  if (open.length > 0) refuse(`"${open.at(-1)}" is never closed`);
  endLine();
  return lines;
}

/**
 * Where a string ends that has begun with these quotes before `from`; null where it does not. Raw strings keep quotes
 * alike.
 */
function endOfString(text: string, from: number, quotes: string): number | null {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text.startsWith(quotes, at)) return at + quotes.length;
    else if (text[at] === '\n' && quotes.length === 1) return null;
  }
  return null;
}

function columnOf(text: string, at: number): number {
  let column = 0;
  for (const character of text.slice(text.lastIndexOf('\n', at - 1) + 1, at)) {
    column = character === '\t' ? column - (column % 8) + 8 : column + 1;
  }
  return column;
}
