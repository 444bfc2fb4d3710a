import { mkdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isMissing } from './files.ts';
import { partsDir } from './layout.ts';

/**
 * Sets the parts and journals of a stage aside, so that the next attempt starts from nothing. Nothing is deleted: they
 * move to `set-aside/attempt-N/` in the folder of the stage. It may be called twice.
 * @param attempt - the attempt that made them
 */
export async function setWorkAside(stage: string, attempt: number): Promise<void> {
  const folder = join(stage, 'set-aside', `attempt-${attempt}`);
  await mkdir(folder, { recursive: true });
  for (const work of [partsDir(stage), join(stage, 'journal')]) {
    await rename(work, join(folder, basename(work))).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }
}
