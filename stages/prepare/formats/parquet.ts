import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { badFile, type RawRecord, refuseMissing } from './raw.ts';

/** Records of a Parquet file, row group by row group. Whole numbers of 64 bits come as text. */
export async function* readParquet(path: string, columns: readonly string[]): AsyncGenerator<RawRecord> {
  const file = await asyncBufferFromFile(path).catch((error: unknown) => refuseMissing(path, 'Parquet', error));
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(file);
  } catch (error) {
    throw badFile(path, null, `expected a Parquet file, but ${(error as Error).message}`, error);
  }
  const wanted = metadata.schema.map(({ name }) => name).filter((name) => columns.includes(name));
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    let rows: Record<string, unknown>[];
    try {
      rows = await parquetReadObjects({ file, metadata, columns: [...new Set(wanted)], compressors, rowStart, rowEnd });
    } catch (error) {
      throw badFile(path, null, `rows ${rowStart + 1} to ${rowEnd} cannot be read: ${(error as Error).message}`, error);
    }
    for (const [index, value] of rows.entries()) yield { at: `row ${rowStart + index + 1}`, value };
    rowStart = rowEnd;
  }
}
