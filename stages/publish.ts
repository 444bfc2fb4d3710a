import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Counts, FileEntry, PartManifest } from '../spec/index.ts';
import { partPath, sha256File, writeFileAtomic } from '../store/index.ts';
import type { Pod } from './pod.ts';

/** Whether this part was published before, by whichever attempt. */
export async function isPublished({ dir, part }: Pick<Pod, 'dir' | 'part'>): Promise<boolean> {
  return (await stat(partPath(dir, part)).catch(() => null)) !== null;
}

/**
 * Publishes a part: its manifest is the last thing written, so that its presence means done.
 * @param files - relative to the stage's folder, all written
 * @param fence - rejects when a later attempt has begun; asked last, after the hashing
 */
export async function publish(
  { dir, part, attempt }: Pick<Pod, 'dir' | 'part' | 'attempt'>,
  files: readonly string[],
  counts: Counts,
  fence: () => Promise<void>,
): Promise<PartManifest> {
  const entries = await Promise.all(files.map((path) => entryOf(dir, path)));
  const manifest: PartManifest = { part, attempt, files: entries, counts, finishedAt: new Date().toISOString() };
  await fence();
  await writeFileAtomic(partPath(dir, part), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

async function entryOf(dir: string, path: string): Promise<FileEntry> {
  const absolute = join(dir, path);
  const [{ size }, sha256] = await Promise.all([stat(absolute), sha256File(absolute)]);
  return { path, sha256, bytes: size };
}
