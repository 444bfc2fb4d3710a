import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { lastMessageOfLog } from '../spec/last-log-message.ts';
import { isMissing } from '../store/files.ts';

const WORDS_BYTES = 16_384;

/**
 * The end of a file as lines, oldest first: at most `maxLines` and `maxBytes`; a line cut in two is left out. Empty when it is no
 * file, or not there. Pods may write where it lies: never waits for the other end of a FIFO.
 */
export async function tail(path: string, limits: { maxLines: number; maxBytes: number }): Promise<string[]> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (file === null) return [];
  try {
    const found = await file.stat();
    if (!found.isFile()) return [];
    const { size } = found;
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
  return lastMessageOfLog(await tail(path, { maxLines: 100, maxBytes: WORDS_BYTES }));
}
