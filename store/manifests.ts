import { basename } from 'node:path';
import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';
import { type Identity, Manifest, type ManifestRef } from '../spec/manifest.ts';
import { checksumFault, sha256Canonical } from './canonical.ts';
import { isMissing, readTextSync } from './files.ts';
import { identityOfInputs, outputDigest } from './key.ts';
import { manifestPath } from './layout.ts';

/** A file of the store is not what it, or its manifest, says: it was damaged, or changed by hand. */
export class CorruptFileError extends Error {
  override readonly name: string = 'CorruptFileError';
}

/** A manifest holds, but it is not the one that the reader was told of: the stage was made again since, or replaced. */
export class OtherResultError extends CorruptFileError {
  override readonly name = 'OtherResultError';
}

/** A manifest of another version of orrery: nothing is wrong with it, but this version cannot read it. */
export class OtherVersionError extends Error {
  override readonly name = 'OtherVersionError';
}

/** The result that is asked for. A missing field is not compared. */
export type AskedResult = Partial<Pick<ManifestRef, 'kind' | 'digest' | 'checksum'>>;

/**
 * The manifest of a finished stage, or null while it is not finished. Every reader of a manifest goes through here, or through
 * `read_manifest` of trainers/orrery_trainers/store/manifests.py, which makes the same checks.
 *
 * Believed is only what was recomputed: the checksum over all that it says, the key (the name of its folder) over what went in, the digest
 * over what came out. Whether the *files* are what it says is the next question: `verifyFile`, `readVerified`.
 * @param asked - what a stage file or a history says of it
 * @throws CorruptFileError when it does not hold, {@link OtherResultError} when it holds and is not what was asked for
 * @throws OtherVersionError
 * @throws the error of the file system when it cannot be read
 */
export function readManifest(stage: string, asked: AskedResult = {}): Manifest | null {
  const path = manifestPath(stage);
  let text: string;
  try {
    // Synchronous on purpose: small, and stage programs read their inputs before anything else can begin.
    text = readTextSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw asDamage(error);
  }
  return checkManifest(path, text, basename(stage), asked);
}

/** The decision of {@link readManifest} over the text of a manifest. Pure. @param key - of the stage: the name of its folder */
export function checkManifest(path: string, text: string, key: string, asked: AskedResult = {}): Manifest {
  const refuse = (why: string) => new CorruptFileError(`${path} does not hold: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`expected JSON: ${(error as Error).message}`);
  }
  refuseOtherVersion(path, value);
  const fault = checksumFault(value);
  if (fault !== null) throw refuse(fault);
  const manifest = parsed(path, value);
  if (manifest.key !== key) throw refuse(`it is the manifest of ${manifest.kind} ${manifest.key}`);
  // As the file says it: a schema may leave something out.
  const identityKey = sha256Canonical((value as { identity: unknown }).identity);
  if (identityKey !== key) throw refuse(`what it says went in (identity) makes the key ${identityKey}`);
  const { kind, identity, inputs, files, counts, digest, checksum } = manifest;
  if (identity.kind !== kind) throw refuse(`its kind is ${kind}, but that of its identity ${identity.kind}`);
  if (!hasTheseInputs(identity, manifest)) {
    throw refuse(`its inputs (${Object.keys(inputs).join(', ') || 'none'}) are not those of its identity`);
  }
  const outputs = outputDigest(kind, files, counts);
  if (outputs !== digest) throw refuse(`its files and counts make the digest ${outputs}, but it says ${digest}`);
  const found = { kind, digest, checksum };
  for (const field of ['kind', 'digest', 'checksum'] as const) {
    if (asked[field] === undefined || asked[field] === found[field]) continue;
    throw new OtherResultError(
      `${path}: expected the result with ${field} ${asked[field]}, but its ${field} is ${found[field]}; ` +
        'the stage was made again, or replaced, after it was planned with',
    );
  }
  return manifest;
}

/** What is no regular file, or far too large, is damage: of an error of the file system nothing is concluded. */
export const asDamage = (error: unknown): unknown =>
  error instanceof InvalidInputError ? new CorruptFileError(error.message) : error;

/** How others refer to a stage by its manifest. */
export const referTo = ({ kind, key, digest, checksum }: Manifest): ManifestRef => ({ kind, key, digest, checksum });

function parsed(path: string, value: unknown): Manifest {
  try {
    return parseOrRefuse(Manifest, value, path);
  } catch (error) {
    if (error instanceof InvalidInputError) throw new CorruptFileError(error.message);
    throw error;
  }
}

const hasTheseInputs = ({ inputs }: Identity, manifest: Manifest): boolean =>
  sha256Canonical(inputs) === sha256Canonical(identityOfInputs(manifest.kind, manifest.inputs));

/** Version 1 had no checksum; whatever came after this one keeps it. Anything else with another number is damaged. */
function refuseOtherVersion(path: string, value: unknown): void {
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (typeof version !== 'number' || version === Manifest.shape.schemaVersion.value) return;
  const older = version === 1 && !('checksum' in (value as object));
  if (!older && checksumFault(value) !== null) return;
  throw new OtherVersionError(
    `${path} is of version ${version}, and this orrery reads version ${Manifest.shape.schemaVersion.value}: ` +
      `${older ? 'an older' : 'another'} version made it. Nothing is damaged; submit the campaign again, and the stage is made again`,
  );
}
