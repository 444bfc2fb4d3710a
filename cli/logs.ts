import { existsSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { storePath } from '../config/paths.ts';
import { logsDir, stageDir } from '../store/index.ts';

/** Identifies one execution of a stage. Its logs have a folder of their own. */
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

/** Bytes already printed, by file. */
export type Offsets = Map<string, number>;

/** Prints the new bytes of each file to stdout. With several files, a heading names each file. */
export async function printNew(files: readonly string[], offsets: Offsets): Promise<void> {
  for (const file of files) {
    const handle = await open(file);
    try {
      const printed = offsets.get(file) ?? 0;
      const { size } = await handle.stat();
      if (size <= printed) continue;
      if (files.length > 1) process.stdout.write(`==> ${file}\n`);
      const { buffer } = await handle.read(Buffer.alloc(size - printed), 0, size - printed, printed);
      process.stdout.write(buffer);
      offsets.set(file, size);
    } finally {
      await handle.close();
    }
  }
}
