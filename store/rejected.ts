import { randomUUID } from 'node:crypto';
import { link, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isMissing, readText } from './files.ts';
import { dataDir } from './layout.ts';

/**
 * Puts a file of a stage that does not hold out of the way of its readers. It is never deleted: a person may want to see what it was.
 * Manifests, parts and stage files stay beside their place, as `manifest.json.rejected-…`; outputs go to `rejected/` of the stage's
 * folder, because the next attempt replaces all of `data/`.
 * @param judged - the text that was found not to hold; another that has come into its place since is put back
 * @returns where it is now; null when it is not there
 */
export async function setAside(stage: string, path: string, judged?: string): Promise<string | null> {
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
  if (judged === undefined || (await readText(place).catch(() => judged)) === judged) return place;
  // Another worker has mended it in between. Where yet another has taken the name, that one stands.
  await link(place, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(place, { force: true });
  return null;
}
