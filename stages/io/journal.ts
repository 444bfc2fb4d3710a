import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { z } from 'zod';
import type { StageKind } from '../../spec/stages/kinds.ts';
import { numbered } from '../../store/layout.ts';
import type { StageContext } from '../runtime/context.ts';

/**
 * Finished work of one part, kept over all attempts. Work that is in the journal is not done again.
 *
 * Every attempt appends to its own file, `journal/<part>-attempt-<n>.jsonl`, and reads the files of the attempts before
 * it. So a replaced process that still writes does no harm: its lines go to its own file.
 *
 * A line is the crc32 of the JSON in 8 hexadecimal digits, a space, and the JSON. The first damaged line (a torn write,
 * a bad disk) ends what is trusted. Everything from there on is ignored, and is cut off where the file belongs to this
 * attempt.
 */
export interface Journal<T> {
  /**
   * Entries found on opening: those of earlier attempts in order, then those of this attempt (when its pod was started
   * again).
   */
  readonly entries: readonly T[];
  /**
   * Appends an entry. Entries are written in the order of the calls.
   * @returns where the entry will be
   * @throws the error of an earlier write
   */
  append(entry: T): Place;
  /** Resolves when everything that was appended is on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Where an entry is. Remember a large entry by its place, and read it when it is needed; see {@link readPlace}. */
export interface Place {
  readonly path: string;
  /** Offset of the line, in bytes. */
  readonly offset: number;
  /** Length of the line in bytes, including its end. */
  readonly bytes: number;
}

/** Called with every entry that is found, in order. */
export type Visit<T> = (entry: T, place: Place) => void;

/**
 * Opens the journal of `context.part` for `context.attempt`.
 * @param context - a stage context; `dir`, `part`, `attempt` and `log` are used
 * @param schema - schema of one entry
 * @param visit - receives the entries instead of `entries`, because a journal may be larger than memory
 */
export async function openJournal<S extends z.ZodType>(
  { dir, part, attempt, log }: Pick<StageContext<StageKind>, 'dir' | 'part' | 'attempt' | 'log'>,
  schema: S,
  visit?: Visit<z.output<S>>,
): Promise<Journal<z.output<S>>> {
  const folder = join(dir, 'journal');
  await mkdir(folder, { recursive: true });
  const entries: z.output<S>[] = [];
  const keep = visit ?? ((entry: z.output<S>) => void entries.push(entry));
  let [found, ownBytes] = [0, 0];
  for (const number of await attemptsWithJournal(folder, part, attempt)) {
    const path = join(folder, journalFile(part, number));
    const read = await readFileOf(path, schema, keep);
    found += read.kept;
    if (number === attempt) ownBytes = read.bytes;
    if (read.dropped > 0) {
      const facts = { path, kept: read.kept, droppedLines: read.dropped, atByte: read.bytes };
      log.warn(facts, 'journal has damaged lines; ignoring them and doing their work again');
    }
  }
  const own = join(folder, journalFile(part, attempt));
  const file = await open(own, 'a');
  await file.truncate(ownBytes);
  if (found > 0) log.info({ entries: found }, 'resumes from the journal');
  return { entries, ...appender(file, own, ownBytes) };
}

/** Name of the file that an attempt appends to. */
export const journalFile = (part: number, attempt: number): string => `${numbered(part)}-attempt-${attempt}.jsonl`;

/**
 * Numbers of the attempts up to `attempt` that have a file, ascending. When a later attempt exists, this one has been
 * replaced and must not read its file.
 */
async function attemptsWithJournal(folder: string, part: number, attempt: number): Promise<number[]> {
  const found = new Set(await readdir(folder));
  return Array.from({ length: attempt + 1 }, (_, number) => number).filter((n) => found.has(journalFile(part, n)));
}

/**
 * Entries of a journal file up to the first damaged line. Pure.
 * @returns the entries, their length in bytes, and how many lines after them were dropped (a torn line counts)
 */
export function readEntries<S extends z.ZodType>(
  content: Uint8Array,
  schema: S,
): { entries: z.output<S>[]; bytes: number; dropped: number } {
  const entries: z.output<S>[] = [];
  const reader = entryReader('', schema, (entry) => void entries.push(entry));
  reader.push(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  const { bytes, dropped } = reader.end();
  return { entries, bytes, dropped };
}

/** Bytes per read. */
const CHUNK = 1 << 22;

async function readFileOf<S extends z.ZodType>(path: string, schema: S, visit: Visit<z.output<S>>) {
  const reader = entryReader(path, schema, visit);
  const file = await open(path);
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK);
      if (bytesRead === 0) return reader.end();
      reader.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Reads the bytes of a journal file, given in pieces of any size. */
function entryReader<S extends z.ZodType>(path: string, schema: S, visit: Visit<z.output<S>>) {
  let rest: Buffer = Buffer.alloc(0);
  let [bytes, kept, dropped, holds] = [0, 0, 0, true];
  function line(whole: Buffer): void {
    const entry = holds ? parseEntry(whole.subarray(0, -1), schema) : undefined;
    if (entry === undefined) {
      holds = false;
      dropped += 1;
      return;
    }
    visit(entry.value, { path, offset: bytes, bytes: whole.length });
    bytes += whole.length;
    kept += 1;
  }
  return {
    push(chunk: Buffer): void {
      const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (let end = buffer.indexOf(10); end !== -1; end = buffer.indexOf(10, from)) {
        line(buffer.subarray(from, end + 1));
        from = end + 1;
      }
      rest = buffer.subarray(from);
    },
    end: () => ({ bytes, kept, dropped: dropped + (rest.length > 0 ? 1 : 0) }),
  };
}

function parseEntry<S extends z.ZodType>(line: Buffer, schema: S): { value: z.output<S> } | undefined {
  const json = jsonOf(line);
  if (json === undefined) return undefined;
  const parsed = schema.safeParse(json);
  return parsed.success ? { value: parsed.data } : undefined;
}

/** The JSON of a line without its end; undefined where the checksum does not match. */
function jsonOf(line: Buffer): unknown {
  const json = line.subarray(9);
  if (line.subarray(0, 9).toString('latin1') !== `${checksum(json)} `) return undefined;
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    return undefined; // written by somebody else: the checksum matches, but the text is not JSON
  }
}

/**
 * Reads an entry from its place, as JSON. It is not parsed by a schema again: that happened when it was found or
 * written.
 * @throws Error `EIO` when the line is damaged: the disk has lost it since
 */
export async function readPlace({ path, offset, bytes }: Place): Promise<unknown> {
  const file = await open(path);
  try {
    const line = Buffer.alloc(bytes);
    await file.read(line, 0, bytes, offset);
    const json = jsonOf(line.subarray(0, -1));
    if (json !== undefined) return json;
    const cause = Object.assign(new Error(`${path}: the line at byte ${offset} is damaged`), {
      code: 'EIO',
    });
    throw cause;
  } finally {
    await file.close();
  }
}

const checksum = (json: Uint8Array): string => crc32(json).toString(16).padStart(8, '0');

/**
 * Writes appended entries at once, several as one batch, and syncs at the same time. A killed process loses only what
 * was not written yet; a machine that loses power loses what was not synced. So appending never waits for a slow disk,
 * and a thousand appends cost a few fsyncs.
 */
function appender(
  file: Awaited<ReturnType<typeof open>>,
  path: string,
  length: number,
): Omit<Journal<unknown>, 'entries'> {
  let waiting: Buffer[] = [];
  let failure: { error: unknown } | undefined;
  let writing: Promise<void> | undefined;
  let syncing: Promise<void> | undefined;
  let isDirty = false;
  let end = length;

  async function write(): Promise<void> {
    try {
      while (waiting.length > 0) {
        const batch = Buffer.concat(waiting);
        waiting = [];
        await file.appendFile(batch);
        isDirty = true;
        syncing ??= sync();
      }
    } catch (error) {
      failure ??= { error };
    } finally {
      writing = undefined;
    }
  }
  async function sync(): Promise<void> {
    try {
      while (isDirty) {
        isDirty = false;
        await file.datasync();
      }
    } catch (error) {
      failure ??= { error };
    } finally {
      syncing = undefined;
    }
  }
  const flush = async (): Promise<void> => {
    while (writing !== undefined || syncing !== undefined) {
      await writing;
      await syncing;
    }
    if (failure !== undefined) throw failure.error;
  };
  return {
    append(entry) {
      if (failure !== undefined) throw failure.error;
      const json = Buffer.from(JSON.stringify(entry), 'utf8');
      const line = Buffer.concat([Buffer.from(`${checksum(json)} `, 'latin1'), json, Buffer.from('\n')]);
      const place = { path, offset: end, bytes: line.length };
      end += line.length;
      waiting.push(line);
      writing ??= write();
      return place;
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
