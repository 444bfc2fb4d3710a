import type { Readable } from 'node:stream';

/**
 * Lines of a UTF-8 stream, ended by LF or CRLF, without their ends. `node:readline` also ends lines at U+2028 and U+2029, which JSON
 * (and what a policy writes) holds unescaped.
 */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield withoutReturn(line);
  }
  if (rest !== '') yield withoutReturn(rest);
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);
