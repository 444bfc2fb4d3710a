import { existsSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { storePath } from '../config/paths.ts';
import { logsDir, stageDir } from '../store/index.ts';

/** Where the present or last execution of a stage writes what its pods print. */
export interface StageExecution {
  readonly key: string;
  readonly attempt: number;
}

/** Log files of one execution, in the order of its pods. */
export function logFiles({ key, attempt }: StageExecution): string[] {
  const folder = logsDir(stageDir(storePath(), key), attempt);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .toSorted()
    .map((name) => join(folder, name));
}

/** Bytes that were read of each file so far. */
export type Offsets = Map<string, number>;

/** Writes what the files have gained to stdout; several files take turns under a heading each. */
export async function printNew(files: readonly string[], offsets: Offsets): Promise<void> {
  for (const file of files) {
    const handle = await open(file);
    try {
      const from = offsets.get(file) ?? 0;
      const { size } = await handle.stat();
      if (size <= from) continue;
      if (files.length > 1) process.stdout.write(`==> ${file}\n`);
      const { buffer } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
      process.stdout.write(buffer);
      offsets.set(file, size);
    } finally {
      await handle.close();
    }
  }
}
