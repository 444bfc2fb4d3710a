import { isUtf8 } from 'node:buffer';
import { WrongInputError } from './errors.ts';
import { openFile } from './open.ts';

/**
 * Reads a small text file in a folder that a campaign names, such as the config of a model. It never blocks on a pipe.
 * @returns null if there is no such file
 * @throws WrongInputError if it is not a regular file, larger than `maxBytes`, or not UTF-8; the error of the operating
 *   system if it cannot be opened at the moment
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
