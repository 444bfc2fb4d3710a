import { isUtf8 } from 'node:buffer';
import { WrongInputError } from './errors.ts';
import { openFile } from './open.ts';

/**
 * A small text file of a folder that a campaign names, such as the settings of a model. Never waits for whoever should write to a pipe.
 * @returns null when there is no such file
 * @throws WrongInputError when it is no regular file, larger than `maxBytes`, or not UTF-8; the error of the operating system when it cannot
 *   be looked at now
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<string | null> {
  try {
    await using file = await openFile(path, Number.MAX_SAFE_INTEGER);
    const size = Number(file.stat.size);
    if (size > maxBytes) throw new WrongInputError(`expected a file of at most ${maxBytes} bytes, but it has ${size}`);
    const content = await file.slice(0, size);
    if (!isUtf8(content)) throw new WrongInputError('expected text in UTF-8');
    return Buffer.from(content).toString('utf8');
  } catch (error) {
    if (error instanceof WrongInputError && error.isMissing) return null;
    throw error;
  }
}
