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
import { rejectFile } from './reject.ts';
import { verifyFile } from './verify.ts';

/** A stage cannot be sealed because parts are missing. */
export class MissingPartsError extends Error {
  override readonly name = 'MissingPartsError';
}

/**
 * Seals a stage: writes `manifest.json` from its parts when all exist. If several callers seal a stage, the first
 * manifest stays. The same parts always give the same manifest, byte for byte, so a damaged manifest can be made again.
 * @param stageFile - the stage file in the store, whose key has been checked
 * @param parts - number of pods that publish a part: the shards, or 1 for a gang
 * @param options.hash - whether to compare the sha256 of every output, and not only its size. By default this is done
 *   after more than one attempt, because an abandoned earlier attempt may have overwritten an output of a later one
 * @throws MissingPartsError if parts are missing
 * @throws CorruptFileError if an output is missing, does not match its part or belongs to two parts, or if there is a
 *   damaged manifest. A damaged part is set aside, so that the next attempt makes it again
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

  const published = await validParts(stage, parts, options.hash ?? attempt > 0);
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

async function validParts(stage: string, parts: number, hash: boolean): Promise<PartManifest[]> {
  const found: PartManifest[] = [];
  const missing: number[] = [];
  for (const part of indices(parts)) {
    const read = await orRejectPart(stage, part, () => readPart(stage, part));
    if (read === null) missing.push(part);
    else found.push(read);
  }
  if (missing.length > 0) {
    throw new MissingPartsError(
      `${stage} lacks ${missing.length} of ${parts} parts: ${missing.slice(0, 10).join(', ')}`,
    );
  }
  for (const { part, files } of found) {
    await orRejectPart(stage, part, async () => {
      for (const file of files) await verifyFile(stage, file, { hash });
    });
  }
  return found;
}

/** Runs a check of a part. If it finds damage, the part is set aside. */
async function orRejectPart<T>(stage: string, part: number, check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    await rejectFile(stage, partPath(stage, part));
    throw new CorruptFileError(`${error.message}; part ${part} is set aside`);
  }
}

/** Adds up the counts of all parts. */
export function sumCounts(all: readonly Counts[]): Counts {
  const sum: Counts = {};
  for (const [name, value] of all.flatMap((counts) => Object.entries(counts))) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
