import type { OpenInput } from '../../../inputs/index.ts';
import type { ProblemFile } from '../../../spec/data.ts';
import { parsedLines } from '../../io/jsonl.ts';
import { StageExit } from '../../runtime/exits.ts';
import { readCsv } from './csv.ts';
import { readJsonList } from './json.ts';
import { readParquet } from './parquet.ts';
import { LARGEST_RECORD, type RawRecord } from './raw.ts';

export type Format = NonNullable<ProblemFile['format']>;

/** The format of a file: the given one, or by its extension. */
export function formatOf({ path, format }: Pick<ProblemFile, 'path' | 'format'>): Format {
  if (format !== undefined) return format;
  const ending = /\.(jsonl|ndjson|json|csv|parquet)$/i.exec(path.replace(/[?#].*$/, ''))?.[1]?.toLowerCase();
  if (ending === undefined) {
    throw new StageExit(
      'InvalidInput',
      `${path}: expected the extension .jsonl, .json, .csv or .parquet, or its format in the spec`,
    );
  }
  return ending === 'ndjson' ? 'jsonl' : (ending as Format);
}

/**
 * Records of a file, one after the other. A file that does not have its format is refused; the content of a record is
 * not checked here.
 * @param columns - top-level fields that are needed; only Parquet files can skip the others
 * @throws StageExit `InvalidInput`, naming the file and the line where its format ends
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
