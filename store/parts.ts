import { InvalidInputError } from '../spec/errors.ts';
import { PartManifest } from '../spec/manifest.ts';
import { checksumFault } from './canonical.ts';
import { readJsonIfThere } from './files.ts';
import { partPath } from './layout.ts';
import { CorruptFileError } from './manifests.ts';

/**
 * A part that a pod has published, or null. Parts of an older version have no checksum, and are believed as they stand.
 * @throws CorruptFileError when it does not hold by its own checksum, is malformed, or is that of another pod
 */
export async function readPart(stage: string, part: number): Promise<PartManifest | null> {
  const path = partPath(stage, part);
  try {
    const read = await readJsonIfThere(path, PartManifest);
    if (read === null) return null;
    const fault = read.checksum === undefined ? null : checksumFault(read);
    if (fault !== null) throw new CorruptFileError(`${path} does not hold: ${fault}`);
    if (read.part !== part) throw new CorruptFileError(`${path} does not hold: it is part ${read.part}`);
    return read;
  } catch (error) {
    if (error instanceof InvalidInputError) throw new CorruptFileError(error.message);
    if ((error as NodeJS.ErrnoException).code === 'EISDIR') throw new CorruptFileError(`${path}: expected a file`);
    throw error;
  }
}

/** The parts that are there, by index. @throws CorruptFileError when one does not hold */
export async function readParts(stage: string, parts: number): Promise<PartManifest[]> {
  const read = await Promise.all(Array.from({ length: parts }, (_, part) => readPart(stage, part)));
  return read.filter((part) => part !== null);
}
