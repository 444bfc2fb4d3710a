import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Counts, FileEntry, PartManifest } from '../../spec/manifest.ts';
import { withChecksum } from '../../store/canonical.ts';
import { publishFile, sha256File } from '../../store/files.ts';
import { partPath } from '../../store/layout.ts';
import { CorruptFileError } from '../../store/manifests.ts';
import { readPart } from '../../store/parts.ts';
import { verifyFile } from '../../store/verify.ts';
import type { Pod } from './pod.ts';

/**
 * Whether this part was published before, by whichever attempt. One whose files are not (or no longer) what it says counts for nothing: it
 * is worked out again, from what its journal holds.
 * @throws the error of the file system when it cannot be looked at: that is no sign of either
 */
export async function isPublished({ dir, part }: Pick<Pod, 'dir' | 'part'>, log: Logger): Promise<boolean> {
  try {
    const published = await readPart(dir, part);
    for (const file of published?.files ?? []) await verifyFile(dir, file);
    return published !== null;
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    log.warn({ err: error }, 'this part is published, but its files are damaged; it is done again');
    return false;
  }
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
  const finishedAt = new Date().toISOString();
  const manifest: PartManifest = withChecksum({ part, attempt, files: entries, counts, finishedAt });
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await publishFile(partPath(dir, part), (file) => file.writeFile(text), fence);
  return manifest;
}

async function entryOf(dir: string, path: string): Promise<FileEntry> {
  const absolute = join(dir, path);
  const [{ size }, sha256] = await Promise.all([stat(absolute), sha256File(absolute)]);
  return { path, sha256, bytes: size };
}
