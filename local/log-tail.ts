import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { lastMessageOfLog } from '../spec/last-log-message.ts';
import { isMissing } from '../store/files.ts';

const MESSAGE_BYTES = 16_384;

/**
 * The end of a file as lines, oldest first: at most `maxLines` and `maxBytes`, without a line that is cut in two. Empty
 * if there is no such file. Pods may write to its folder, so it never blocks on a FIFO.
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

/** The last message in the log of a program; null if there is none. */
export async function lastMessageInLog(path: string): Promise<string | null> {
  return lastMessageOfLog(await tail(path, { maxLines: 100, maxBytes: MESSAGE_BYTES }));
}
