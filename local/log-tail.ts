import { open } from 'node:fs/promises';
import { isMissing } from '../store/files.ts';

const WORDS_BYTES = 16_384;
const WORDS_LENGTH = 500;

/** The end of a file as lines, oldest first: at most `maxLines` and `maxBytes`; a line cut in two is left out. Empty when it is not there. */
export async function tail(path: string, limits: { maxLines: number; maxBytes: number }): Promise<string[]> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (file === null) return [];
  try {
    const { size } = await file.stat();
    const length = Math.min(size, limits.maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    if (size > length && lines.length > 1) lines.shift();
    if (lines.at(-1) === '') lines.pop();
    return limits.maxLines > 0 ? lines.slice(-limits.maxLines) : [];
  } finally {
    await file.close();
  }
}

/** What a program said last, in words, by its log; null when it said nothing. */
export async function lastWords(path: string): Promise<string | null> {
  return wordsOf(await tail(path, { maxLines: 100, maxBytes: WORDS_BYTES }));
}

/**
 * The last line that says something: the message of a JSON line of pino, the error above a stack trace, else the line as it is.
 * @param lines - end of a log, oldest first
 */
export function wordsOf(lines: readonly string[]): string | null {
  const line = lines.findLast((candidate) => !SAYS_NOTHING.some((pattern) => pattern.test(candidate)));
  if (line === undefined) return null;
  const words = messageOfJson(line) ?? line.trim();
  return words.length > WORDS_LENGTH ? `${words.slice(0, WORDS_LENGTH)}...` : words;
}

const SAYS_NOTHING = [
  // Below the error in what Node prints when a program throws: stack frames, properties of the error, its own version.
  ...[/^\s*$/, /^\s+at /, /^Node\.js v/, /^[}\]]/, /^ {2}\[?\w+\]?: /, /^\s*\^+\s*$/],
  // What a diagnosis makes programs print (stacks.ts): Node of its report and its debugger, Python its stacks.
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
