import { randomUUID } from 'node:crypto';
import { link, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isMissing, readText } from './files.ts';
import { dataDir } from './layout.ts';

/**
 * Sets a damaged file of a stage aside, so that readers no longer find it. It is never deleted, so that a person can
 * inspect it. Manifests, parts and stage files stay in their folder as `manifest.json.rejected-…`. Outputs move to
 * `rejected/` in the folder of the stage, because the next attempt replaces all of `data/`.
 * @param text - the damaged content. If the file has been replaced since, the new file stays
 * @returns the new path; null if there is no such file
 */
export async function rejectFile(stage: string, path: string, text?: string): Promise<string | null> {
  const name = `${path}.rejected-${new Date().toISOString().replaceAll(':', '')}-${randomUUID().slice(0, 4)}`;
  const inData = !relative(dataDir(stage), path).startsWith('..');
  const place = inData ? join(stage, 'rejected', relative(stage, name)) : name;
  if (inData) await mkdir(dirname(place), { recursive: true });
  try {
    await rename(path, place);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  if (text === undefined || (await readText(place).catch(() => text)) === text) return place;
  // Another worker has repaired the file in the meantime, so it is put back, unless a third worker has already created
  // a new one.
  await link(place, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(place, { force: true });
  return null;
}
