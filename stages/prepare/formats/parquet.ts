import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { OpenInput } from '../../../inputs/index.ts';
import { badFile, type RawRecord } from './raw.ts';

/** Records of a Parquet file, one row group after the other. Whole numbers of 64 bits become text. */
export async function* readParquet(input: OpenInput, columns: readonly string[]): AsyncGenerator<RawRecord> {
  const { path } = input;
  const file = bufferOf(input);
  let metadata: FileMetaData;
  try {
    metadata = await parquetMetadataAsync(file);
  } catch (error) {
    throw badFile(path, null, `expected a Parquet file, but ${shortMessageOf(error)}`, error);
  }
  const wanted = metadata.schema.map(({ name }) => name).filter((name) => columns.includes(name));
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    let rows: Record<string, unknown>[];
    try {
      rows = await parquetReadObjects({ file, metadata, columns: [...new Set(wanted)], compressors, rowStart, rowEnd });
    } catch (error) {
      throw badFile(path, null, `rows ${rowStart + 1} to ${rowEnd} cannot be read: ${shortMessageOf(error)}`, error);
    }
    for (const [index, value] of rows.entries()) yield { at: `row ${rowStart + index + 1}`, value };
    rowStart = rowEnd;
  }
}

function bufferOf({ stat, slice }: OpenInput): AsyncBuffer {
  const byteLength = Number(stat.size);
  return { byteLength, slice: async (start, end = byteLength) => copied(await slice(start, end)) };
}

/** Exactly these bytes. Otherwise a file that became shorter would seem to end in zeros. */
const copied = ({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): ArrayBuffer =>
  byteOffset === 0 && byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);

const shortMessageOf = (error: unknown): string => (error as Error).message.slice(0, 200);
