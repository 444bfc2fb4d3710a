import { basename } from 'node:path';
import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';
import { type Identity, Manifest, type ManifestRef } from '../spec/manifest.ts';
import { checksumFault, sha256Canonical } from './canonical.ts';
import { isMissing, readTextSync } from './files.ts';
import { identityOfInputs, outputDigest } from './key.ts';
import { manifestPath } from './layout.ts';

/** A file of the store does not match its checksum or its manifest: it was damaged, or edited by hand. */
export class CorruptFileError extends Error {
  override readonly name: string = 'CorruptFileError';
}

/** A manifest is valid, but it is not the expected one: the stage has been made again or replaced. */
export class OtherResultError extends CorruptFileError {
  override readonly name = 'OtherResultError';
}

/** A valid manifest of another version of orrery, which this version cannot read. */
export class OtherVersionError extends Error {
  override readonly name = 'OtherVersionError';
}

/** The result that the reader expects. A missing field is not compared. */
export type ExpectedResult = Partial<Pick<ManifestRef, 'kind' | 'digest' | 'checksum'>>;

/**
 * Reads the manifest of a stage; null while the stage is not finished. Every reader of a manifest uses this function,
 * or `read_manifest` in trainers/orrery_trainers/store/manifests.py, which makes the same checks.
 *
 * The function recomputes the checksum of the whole manifest, the key (the name of its folder) from the identity, and
 * the digest from the files and counts. It does not read the files themselves: see `verifyFile` and `readVerified`.
 * @param expected - the result according to a stage file or a history
 * @throws CorruptFileError if the manifest is damaged, {@link OtherResultError} if it is valid but not the expected one
 * @throws OtherVersionError
 * @throws the error of the file system if the manifest cannot be read
 */
export function readManifest(stage: string, expected: ExpectedResult = {}): Manifest | null {
  const path = manifestPath(stage);
  let text: string;
  try {
    // Synchronous, because the file is small and stage programs need it before they can start.
    text = readTextSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw asCorruptFile(error);
  }
  return checkManifest(path, text, basename(stage), expected);
}

/** The pure part of {@link readManifest}. @param key - key of the stage, which is the name of its folder */
export function checkManifest(path: string, text: string, key: string, expected: ExpectedResult = {}): Manifest {
  const refuse = (why: string) => new CorruptFileError(`${path} is damaged: ${why}`);
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
  // The key is computed from the parsed JSON, because a schema may drop fields.
  const identityKey = sha256Canonical((value as { identity: unknown }).identity);
  if (identityKey !== key) throw refuse(`its identity has the key ${identityKey}`);
  const { kind, identity, inputs, files, counts, digest, checksum } = manifest;
  if (identity.kind !== kind) throw refuse(`its kind is ${kind}, but the kind of its identity is ${identity.kind}`);
  if (!hasTheseInputs(identity, manifest)) {
    throw refuse(`its inputs (${Object.keys(inputs).join(', ') || 'none'}) differ from those of its identity`);
  }
  const outputs = outputDigest(kind, files, counts);
  if (outputs !== digest) throw refuse(`its files and counts have the digest ${outputs}, but it says ${digest}`);
  const found = { kind, digest, checksum };
  for (const field of ['kind', 'digest', 'checksum'] as const) {
    if (expected[field] === undefined || expected[field] === found[field]) continue;
    throw new OtherResultError(
      `${path}: expected the result with ${field} ${expected[field]}, but its ${field} is ${found[field]}; ` +
        'the stage has been made again or replaced since it was planned',
    );
  }
  return manifest;
}

/**
 * Converts the error for a file that is not regular or too large to a {@link CorruptFileError}. Other errors do not
 * prove any damage.
 */
export const asCorruptFile = (error: unknown): unknown =>
  error instanceof InvalidInputError ? new CorruptFileError(error.message) : error;

/** The reference to the result that a manifest describes. */
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

/**
 * Refuses a valid manifest of another version. Version 1 had no checksum, and later versions keep it. A manifest with
 * another version number and without a valid checksum is damaged, so it is left to the other checks.
 */
function refuseOtherVersion(path: string, value: unknown): void {
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (typeof version !== 'number' || version === Manifest.shape.schemaVersion.value) return;
  const older = version === 1 && !('checksum' in (value as object));
  if (!older && checksumFault(value) !== null) return;
  throw new OtherVersionError(
    `${path} has version ${version}, but this orrery reads version ${Manifest.shape.schemaVersion.value}: ` +
      `${older ? 'an older' : 'another'} version wrote it. It is not damaged; submit the campaign again to make the stage again`,
  );
}
