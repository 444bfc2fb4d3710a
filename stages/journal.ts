import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { z } from 'zod';
import type { StageKind } from '../spec/index.ts';
import { numbered } from '../store/index.ts';
import type { StageContext } from './context.ts';

/**
 * Finished pieces of work of one part, kept over attempts: what is in the journal is not done again.
 *
 * Every attempt appends to a file of its own, `journal/<part>-attempt-<n>.jsonl`, and reads those of the attempts before it. So a
 * process that was given up for dead and still writes harms nobody: its lines land in its own file, and count only once whole.
 *
 * A line is the crc32 of the JSON in 8 hexadecimal digits, a space, the JSON. What follows the first line that does not hold (a torn
 * write, a bad disk) is not trusted: it is dropped, and cut off where the file is our own.
 */
export interface Journal<T> {
  /** Entries found on opening: of earlier attempts in order, then of this attempt (a pod that was started again within it). */
  readonly entries: readonly T[];
  /** Adds an entry; entries are written in the order of the calls. Throws if an earlier write failed. */
  append(entry: T): void;
  /** Resolves when all that was appended is on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the journal of `context.part` for `context.attempt`.
 * @param context - a stage context; `dir`, `part`, `attempt` and `log` are used
 * @param schema - of one entry
 */
export async function openJournal<S extends z.ZodType>(
  { dir, part, attempt, log }: Pick<StageContext<StageKind>, 'dir' | 'part' | 'attempt' | 'log'>,
  schema: S,
): Promise<Journal<z.output<S>>> {
  const folder = join(dir, 'journal');
  await mkdir(folder, { recursive: true });
  const entries: z.output<S>[] = [];
  let ownBytes = 0;
  for (const number of await attemptsWithJournal(folder, part, attempt)) {
    const path = join(folder, journalFile(part, number));
    const content = await readFile(path);
    const read = readEntries(content, schema);
    entries.push(...read.entries);
    if (number === attempt) ownBytes = read.bytes;
    if (read.dropped > 0) {
      const facts = { path, kept: read.entries.length, droppedLines: read.dropped, atByte: read.bytes };
      log.warn(facts, 'journal holds lines that were not written whole; they are dropped and their work is done again');
    }
  }
  const own = join(folder, journalFile(part, attempt));
  const file = await open(own, 'a');
  await file.truncate(ownBytes);
  if (entries.length > 0) log.info({ entries: entries.length }, 'goes on from the journal');
  return { entries, ...appender(file) };
}

/** Name of the file that an attempt appends to. */
export const journalFile = (part: number, attempt: number): string => `${numbered(part)}-attempt-${attempt}.jsonl`;

/** Numbers of the attempts up to `attempt` that left a file, ascending. Later ones are not ours to read: we are the zombie then. */
async function attemptsWithJournal(folder: string, part: number, attempt: number): Promise<number[]> {
  const found = new Set(await readdir(folder));
  return Array.from({ length: attempt + 1 }, (_, number) => number).filter((n) => found.has(journalFile(part, n)));
}

/**
 * Entries of a journal file up to the first line that does not hold. Pure.
 * @returns the entries, their length in bytes, and how many lines after them were dropped (a torn one counts)
 */
export function readEntries<S extends z.ZodType>(
  content: Uint8Array,
  schema: S,
): { entries: z.output<S>[]; bytes: number; dropped: number } {
  const buffer = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const entries: z.output<S>[] = [];
  let from = 0;
  for (let end = buffer.indexOf(10); end !== -1; end = buffer.indexOf(10, from)) {
    const entry = parseEntry(buffer.subarray(from, end), schema);
    if (entry === undefined) break;
    entries.push(entry.value);
    from = end + 1;
  }
  const rest = buffer.subarray(from);
  const dropped = rest.filter((byte) => byte === 10).length + (rest.length > 0 && rest.at(-1) !== 10 ? 1 : 0);
  return { entries, bytes: from, dropped };
}

function parseEntry<S extends z.ZodType>(line: Buffer, schema: S): { value: z.output<S> } | undefined {
  const json = line.subarray(9);
  if (line.subarray(0, 9).toString('latin1') !== `${checksum(json)} `) return undefined;
  const parsed = schema.safeParse(JSON.parse(json.toString('utf8')));
  return parsed.success ? { value: parsed.data } : undefined;
}

const checksum = (json: Uint8Array): string => crc32(json).toString(16).padStart(8, '0');

/** Writes what gathers while the disk is busy as one batch, so that a thousand appends cost a few fsyncs. */
function appender(file: Awaited<ReturnType<typeof open>>): Omit<Journal<unknown>, 'entries'> {
  let waiting: Buffer[] = [];
  let failure: { error: unknown } | undefined;
  let writing: Promise<void> | undefined;

  async function drain(): Promise<void> {
    try {
      while (waiting.length > 0) {
        const batch = Buffer.concat(waiting);
        waiting = [];
        await file.appendFile(batch);
        await file.datasync();
      }
    } catch (error) {
      failure = { error };
    } finally {
      writing = undefined;
    }
  }
  const flush = async (): Promise<void> => {
    await writing;
    if (failure !== undefined) throw failure.error;
  };
  return {
    append(entry) {
      if (failure !== undefined) throw failure.error;
      const json = Buffer.from(JSON.stringify(entry), 'utf8');
      waiting.push(Buffer.concat([Buffer.from(`${checksum(json)} `, 'latin1'), json, Buffer.from('\n')]));
      writing ??= drain();
    },
    flush,
    async close() {
      try {
        await flush();
      } finally {
        await file.close();
      }
    },
  };
}
