import type { Counts, Manifest, PartManifest } from '../spec/manifest.ts';
import { MANIFEST_VERSION } from '../spec/manifest.ts';
import type { StageFile } from '../spec/stage-file.ts';
import { withChecksum } from './canonical.ts';
import { firstClaimedAt } from './claims.ts';
import { createExclusive } from './files.ts';
import { identityOf, outputDigest } from './key.ts';
import { manifestPath, partPath, stageDir } from './layout.ts';
import { CorruptFileError, readManifest } from './manifests.ts';
import { readPart } from './parts.ts';
import { setAside } from './rejected.ts';
import { verifyFile } from './verify.ts';

/** A stage was to be sealed before all of its parts were there. */
export class MissingPartsError extends Error {
  override readonly name = 'MissingPartsError';
}

/**
 * Seals a stage: composes `manifest.json` from its parts once all are there. Done twice, or by two at once, the first manifest stands. The
 * same parts make the same manifest, to the byte, whenever and by whomever it is sealed: so one that was damaged can be made again.
 * @param stageFile - as the store holds it: its key has been checked
 * @param parts - pods that publish a part: the shards, or 1 for a gang
 * @param options.hash - read every output again and compare its sha256, not its size alone. When not given: if there was more than one
 *   attempt, because an earlier one that was given up may have written over an output of a later one
 * @throws MissingPartsError when parts are missing
 * @throws CorruptFileError when an output is missing, or is not what its part says, or belongs to two parts; when a manifest is there and
 *   does not hold. A part that does not hold is set aside, so that the next attempt makes it anew
 */
export async function sealStage(
  store: string,
  stageFile: StageFile,
  parts: number,
  attempt: number,
  options: { readonly hash?: boolean } = {},
): Promise<Manifest> {
  const stage = stageDir(store, stageFile.key);
  const sealed = readManifest(stage);
  if (sealed !== null) return sealed;

  const published = await soundParts(stage, parts, options.hash ?? attempt > 0);
  const files = published.flatMap((part) => part.files).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const [index, file] of files.entries()) {
    if (files[index + 1]?.path === file.path) throw new CorruptFileError(`${stage}: two parts published ${file.path}`);
  }
  const { kind, key, name, inputs } = stageFile;
  const counts = sumCounts(published.map((part) => part.counts));
  const finishedAt =
    published
      .map((part) => part.finishedAt)
      .toSorted()
      .at(-1) ?? new Date().toISOString();
  const manifest: Manifest = withChecksum({
    schemaVersion: MANIFEST_VERSION,
    kind,
    key,
    name,
    digest: outputDigest(kind, files, counts),
    identity: identityOf(stageFile),
    inputs,
    attempt: Math.max(...published.map((part) => part.attempt)),
    parts,
    files,
    counts,
    startedAt: (await firstClaimedAt(stage)) ?? finishedAt,
    finishedAt,
  });
  const won = await createExclusive(manifestPath(stage), `${JSON.stringify(manifest, null, 2)}\n`);
  return won ? manifest : (readManifest(stage) ?? manifest);
}

async function soundParts(stage: string, parts: number, hash: boolean): Promise<PartManifest[]> {
  const found: PartManifest[] = [];
  const missing: number[] = [];
  for (const part of indices(parts)) {
    const read = await orSetAside(stage, part, () => readPart(stage, part));
    if (read === null) missing.push(part);
    else found.push(read);
  }
  if (missing.length > 0) {
    throw new MissingPartsError(
      `${stage} lacks ${missing.length} of ${parts} parts: ${missing.slice(0, 10).join(', ')}`,
    );
  }
  for (const { part, files } of found) {
    await orSetAside(stage, part, async () => {
      for (const file of files) await verifyFile(stage, file, { hash });
    });
  }
  return found;
}

/** What `look` says of a part; a part that does not hold is set aside. */
async function orSetAside<T>(stage: string, part: number, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    await setAside(stage, partPath(stage, part));
    throw new CorruptFileError(`${error.message}; part ${part} is set aside`);
  }
}

/** Counts of all parts as one. */
export function sumCounts(all: readonly Counts[]): Counts {
  const sum: Counts = {};
  for (const [name, value] of all.flatMap((counts) => Object.entries(counts))) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
