import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { z } from 'zod';
import { InvalidInputError, parseOrRefuse } from '../../spec/errors.ts';
import { publishFile } from '../../store/files.ts';
import { StageExit } from '../runtime/exits.ts';
import { linesOf } from './lines.ts';

/** A line of a file with its number, counted from 1 as editors do. */
export interface NumberedLine {
  readonly line: number;
  readonly value: unknown;
}

/**
 * Lines of a JSONL file as plain JSON values. Empty lines are skipped.
 * @throws StageExit `InvalidInput`, naming file and line, when a line is not JSON or the file does not exist
 */
export async function* readJsonLines(path: string): AsyncGenerator<NumberedLine> {
  try {
    yield* parsedLines(createReadStream(path), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new StageExit('InvalidInput', `${path}: expected a JSONL file, but there is none`, { cause: error });
  }
}

/**
 * Lines of an open file; see {@link readJsonLines}. A byte order mark at the start is skipped, because editors on
 * Windows write one.
 * @param path - name of the file in errors
 * @param longest - most characters of a line
 */
export async function* parsedLines(
  stream: Readable,
  path: string,
  longest = LONGEST_LINE,
): AsyncGenerator<NumberedLine> {
  let line = 0;
  for await (const text of linesOf(stream, longest)) {
    line += 1;
    if (text === null) throw lineTooLong(`${path}:${line}`, longest);
    const json = line === 1 && text.startsWith('\ufeff') ? text.slice(1) : text;
    if (json.trim() !== '') yield { line, value: parseLine(json, `${path}:${line}`) };
  }
}

/**
 * Most characters of a line; *ours*. A record of a data set has thousands, one of a journal or a tree some millions.
 */
const LONGEST_LINE = 1 << 28;

const lineTooLong = (where: string, longest: number): StageExit =>
  new StageExit('InvalidInput', `${where}: expected a line of at most ${longest} characters; is it JSONL?`);

/**
 * Records of a JSONL file.
 * @throws StageExit `InvalidInput`, naming file, line and field, at the first line that does not match `schema`
 */
export async function* readJsonl<S extends z.ZodType>(path: string, schema: S): AsyncGenerator<z.output<S>> {
  for await (const { line, value } of readJsonLines(path)) {
    try {
      yield parseOrRefuse(schema, value, `${path}:${line}`);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      throw new StageExit('InvalidInput', error.message, { cause: error });
    }
  }
}

/** Every record of several JSONL files, one file after the other. */
export async function readAllJsonl<S extends z.ZodType>(paths: readonly string[], schema: S): Promise<z.output<S>[]> {
  const records: z.output<S>[] = [];
  for (const path of paths) for await (const record of readJsonl(path, schema)) records.push(record);
  return records;
}

/** Characters to gather before a write. */
const BATCH = 1 << 20;

/**
 * Writes any number of records as a JSONL file. The file appears as a whole or not at all.
 * @param fence - called last, when all data is on disk under another name; rejects when a later attempt has begun,
 *   which may own this file
 */
export async function writeJsonl(
  path: string,
  records: Iterable<unknown> | AsyncIterable<unknown>,
  fence: () => Promise<void> = async () => {},
): Promise<void> {
  async function write(file: FileHandle): Promise<void> {
    let batch = '';
    for await (const record of records) {
      batch += `${JSON.stringify(record)}\n`;
      if (batch.length < BATCH) continue;
      await file.appendFile(batch);
      batch = '';
    }
    await file.appendFile(batch);
  }
  await publishFile(path, write, fence);
}

function parseLine(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
    throw new StageExit('InvalidInput', `${where}: expected one JSON value on the line, but got ${shown}`, {
      cause: error,
    });
  }
}
