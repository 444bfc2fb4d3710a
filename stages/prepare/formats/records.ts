import type { OpenInput } from '../../../inputs/index.ts';
import type { ProblemFile } from '../../../spec/campaign.ts';
import { parsedLines } from '../../io/jsonl.ts';
import { StageExit } from '../../runtime/exits.ts';
import { readCsv } from './csv.ts';
import { readJsonList } from './json.ts';
import { readParquet } from './parquet.ts';
import { LARGEST_RECORD, type RawRecord } from './raw.ts';

export type Format = NonNullable<ProblemFile['format']>;

/** How a file is to be read: as it is told, or by its ending. */
export function formatOf({ path, format }: Pick<ProblemFile, 'path' | 'format'>): Format {
  if (format !== undefined) return format;
  const ending = /\.(jsonl|ndjson|json|csv|parquet)$/i.exec(path.replace(/[?#].*$/, ''))?.[1]?.toLowerCase();
  if (ending === undefined) {
    throw new StageExit(
      'InvalidInput',
      `${path}: expected .jsonl, .json, .csv or .parquet at the end, or its format in the spec`,
    );
  }
  return ending === 'ndjson' ? 'jsonl' : (ending as Format);
}

/**
 * Records of a file, one after the other. A file that is not what its format says stops; what is in a record is not looked at.
 * @param columns - top-level fields that will be looked at; only Parquet files spare the others
 * @throws StageExit `InvalidInput` naming the file and the line where it stops being what it should be
 */
export async function* readRecords(
  file: OpenInput,
  format: Format,
  columns: readonly string[],
): AsyncGenerator<RawRecord> {
  if (format === 'jsonl') {
    for await (const { line, value } of parsedLines(file.stream(), file.path, LARGEST_RECORD))
      yield { at: `line ${line}`, value };
  } else if (format === 'json') yield* readJsonList(file);
  else if (format === 'csv') yield* readCsv(file);
  else yield* readParquet(file, columns);
}
