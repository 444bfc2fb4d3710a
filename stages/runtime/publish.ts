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
 * Whether any attempt has published this part. A part whose files do not match its manifest does not count: it is made
 * again from its journal.
 * @throws the file system's error when the part cannot be read, because then nothing is known about it
 */
export async function isPublished({ dir, part }: Pick<Pod, 'dir' | 'part'>, log: Logger): Promise<boolean> {
  try {
    const published = await readPart(dir, part);
    for (const file of published?.files ?? []) await verifyFile(dir, file);
    return published !== null;
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    log.warn({ err: error }, 'this part is published, but its files are damaged; making it again');
    return false;
  }
}

/**
 * Publishes a part. Its manifest is written last, so a manifest that exists means that the part is done.
 * @param files - relative to the stage's folder; all of them are written already
 * @param fence - called last, after the hashing; rejects when a later attempt has begun
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
