import { type CsvError, parse } from 'csv-parse';
import type { OpenInput } from '../../../inputs/index.ts';
import { badFile, LARGEST_RECORD, type RawRecord } from './raw.ts';

/**
 * Records of a CSV file (RFC 4180, UTF-8), by the names in its first line. A record with more or fewer cells than the
 * first line is returned without names, so that it counts as bad.
 */
export async function* readCsv(input: OpenInput): AsyncGenerator<RawRecord> {
  // This code counts the cells, because the parser drops extra cells or stops at them.
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: LARGEST_RECORD,
  });
  const file = input.stream();
  file.on('error', (error) => parser.destroy(error));
  file.pipe(parser);
  let names: readonly string[] | null = null;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (names === null) names = record;
      else yield { at: `line ${info.lines}`, value: named(names, record) };
    }
  } catch (error) {
    if (!isCsvError(error)) throw error;
    const { lines = null } = error as unknown as { lines?: number };
    throw badFile(input.path, lines, `expected CSV, but ${error.message.slice(0, 200)}`, error);
  } finally {
    file.destroy();
  }
}

const named = (names: readonly string[], cells: readonly string[]): unknown =>
  cells.length === names.length ? Object.fromEntries(names.map((name, index) => [name, cells[index]])) : cells;

const isCsvError = (error: unknown): error is CsvError => String((error as CsvError).code).startsWith('CSV_');
