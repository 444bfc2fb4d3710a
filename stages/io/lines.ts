import type { Readable } from 'node:stream';

/**
 * Lines of a UTF-8 stream, without their line ends (LF or CRLF). `node:readline` also splits at U+2028 and U+2029,
 * which JSON and the policy's texts may contain.
 */
export function linesOf(stream: Readable): AsyncGenerator<string>;
/** With a limit: when a line has more than `longest` characters, the last item is null. */
export function linesOf(stream: Readable, longest: number): AsyncGenerator<string | null>;
export async function* linesOf(stream: Readable, longest = Number.POSITIVE_INFINITY): AsyncGenerator<string | null> {
  stream.setEncoding('utf8');
  let rest = '';
  for await (const chunk of stream as AsyncIterable<string>) {
    // Only the new chunk is searched, because a line may come in thousands of chunks.
    const [first = '', ...more] = chunk.split('\n');
    rest += first;
    for (const next of more) {
      yield withoutReturn(rest);
      rest = next;
    }
    if (rest.length > longest) return yield null;
  }
  if (rest !== '') yield withoutReturn(rest);
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);
