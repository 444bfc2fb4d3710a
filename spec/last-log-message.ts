import { boundedText } from './text.ts';

/** Maximum length of a message in UTF-16 code units. *Ours*. */
const MESSAGE_LENGTH = 500;

/**
 * The last message of a log: the message of a JSON line of pino, the error above a stack trace, or the last line that
 * is not noise. Null when there is none. Pure.
 * @param lines - end of the log, oldest line first
 */
export function lastMessageOfLog(lines: readonly string[]): string | null {
  const line = lines.findLast((candidate) => !NOISE.some((pattern) => pattern.test(candidate)));
  if (line === undefined) return null;
  return boundedText(messageOfJsonLine(line) ?? line.trim(), MESSAGE_LENGTH);
}

const NOISE = [
  // Lines below the error that Node prints for an uncaught exception: stack frames, properties of the error, the
  // version of Node.
  /^\s*$/,
  /^\s+at /,
  /^Node\.js v/,
  /^[}\]]/,
  /^ {2}\[?\w+\]?: /,
  /^\s*\^+\s*$/,
  // Output that a diagnosis triggers: messages of Node about its report and its debugger, stacks of Python.
  /^Writing Node\.js report to file/,
  /^Node\.js report completed/,
  /^Debugger (listening|attached|ending)/,
  /^For help, see: https:\/\/nodejs/,
  /^(Current t|T)hread 0x/,
  /^ {2}File ".*", line \d+ in /,
];

function messageOfJsonLine(line: string): string | null {
  if (!line.startsWith('{')) return null;
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    const texts = [msg, err?.message].filter((text): text is string => typeof text === 'string' && text !== '');
    return texts.length > 0 ? [...new Set(texts)].join(': ') : null;
  } catch {
    return null;
  }
}
