import { InvalidInputError } from '../spec/errors.ts';
import { PartManifest } from '../spec/manifest.ts';
import { checksumFault } from './canonical.ts';
import { readJsonIfThere } from './files.ts';
import { partPath } from './layout.ts';
import { CorruptFileError } from './manifests.ts';

/**
 * The part that a pod has published; null if there is none. Parts of older versions have no checksum and are not
 * verified.
 * @throws CorruptFileError if the part does not match its checksum, is malformed, or belongs to another pod
 */
export async function readPart(stage: string, part: number): Promise<PartManifest | null> {
  const path = partPath(stage, part);
  try {
    const read = await readJsonIfThere(path, PartManifest);
    if (read === null) return null;
    const fault = read.checksum === undefined ? null : checksumFault(read);
    if (fault !== null) throw new CorruptFileError(`${path} is damaged: ${fault}`);
    if (read.part !== part) throw new CorruptFileError(`${path} is damaged: it is part ${read.part}`);
    return read;
  } catch (error) {
    if (error instanceof InvalidInputError) throw new CorruptFileError(error.message);
    if ((error as NodeJS.ErrnoException).code === 'EISDIR') throw new CorruptFileError(`${path}: expected a file`);
    throw error;
  }
}

/** The published parts in the order of their indices. @throws CorruptFileError if one is damaged */
export async function readParts(stage: string, parts: number): Promise<PartManifest[]> {
  const read = await Promise.all(Array.from({ length: parts }, (_, part) => readPart(stage, part)));
  return read.filter((part) => part !== null);
}
