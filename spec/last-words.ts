import { boundedText } from './text.ts';

/** In UTF-16 code units. *Ours*. */
const WORDS_LENGTH = 500;

/**
 * The last line that says something: the message of a JSON line of pino, the error above a stack trace, else the line as it is; null when
 * none does. Pure.
 * @param lines - end of a log, oldest first
 */
export function wordsOf(lines: readonly string[]): string | null {
  const line = lines.findLast((candidate) => !SAYS_NOTHING.some((pattern) => pattern.test(candidate)));
  if (line === undefined) return null;
  const words = messageOfJson(line) ?? line.trim();
  return boundedText(words, WORDS_LENGTH);
}

const SAYS_NOTHING = [
  // Below the error in what Node prints when a program throws: stack frames, properties of the error, its own version.
  ...[/^\s*$/, /^\s+at /, /^Node\.js v/, /^[}\]]/, /^ {2}\[?\w+\]?: /, /^\s*\^+\s*$/],
  // What a diagnosis makes programs print: Node of its report and its debugger, Python its stacks.
  ...[/^Writing Node\.js report to file/, /^Node\.js report completed/, /^Debugger (listening|attached|ending)/],
  ...[/^For help, see: https:\/\/nodejs/, /^(Current t|T)hread 0x/, /^ {2}File ".*", line \d+ in /],
];

function messageOfJson(line: string): string | null {
  if (!line.startsWith('{')) return null;
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    const said = [msg, err?.message].filter((text): text is string => typeof text === 'string' && text !== '');
    return said.length > 0 ? [...new Set(said)].join(': ') : null;
  } catch {
    return null;
  }
}
