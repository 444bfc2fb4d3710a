import { mkdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isMissing } from './files.ts';
import { partsDir } from './layout.ts';

/**
 * Sets the parts and journals of a stage aside, so that the next attempt does all of the work anew. Nothing is deleted: they lie in
 * `set-aside/attempt-N/` of the stage's folder. May be done twice.
 * @param attempt - the attempt that ended with them
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
