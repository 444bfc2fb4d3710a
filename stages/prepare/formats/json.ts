import type { OpenInput } from '../../../inputs/index.ts';
import { badFile, type RawRecord } from './raw.ts';

/** Largest file to read as a whole, in bytes: the longest string of V8. */
const LARGEST = 1 << 29;

/** Records of a JSON file: a list of records, or an object with that list as `data`. The whole file is read at once. */
export async function* readJsonList(file: OpenInput): AsyncGenerator<RawRecord> {
  const { path } = file;
  const size = Number(file.stat.size);
  if (size > LARGEST - 2 ** 20) {
    throw badFile(
      path,
      null,
      `expected a JSON file of less than ${LARGEST} bytes, but it has ${size}; JSONL has no such limit`,
    );
  }
  // The decoder skips a byte order mark.
  const text = new TextDecoder().decode(await file.slice(0, size));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    throw badFile(path, lineOf(message, text), `expected JSON, but ${message}`, error);
  }
  const list = Array.isArray(value) ? value : (value as { data?: unknown } | null)?.data;
  if (!Array.isArray(list)) {
    throw badFile(path, 1, 'expected a list of records, or an object that holds one as "data"');
  }
  for (const [index, record] of list.entries()) yield { at: `record ${index + 1}`, value: record };
}

/** The line at which V8 stopped, from the position in its message; the last line when the text ends too early. */
function lineOf(message: string, text: string): number {
  const position = /position (\d+)/.exec(message)?.[1];
  return text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length;
}
