import { z } from 'zod';
import { StageKind } from './stages/kinds.ts';

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');
/** Key of a stage, which is the name of its folder in the store. */
export const StageKey = Sha256;

/** A file in the stage's folder. */
export const FileEntry = z.object({
  path: z.string().describe('Relative to the stage’s folder, with forward slashes.'),
  sha256: Sha256,
  bytes: z.int().min(0),
});
export type FileEntry = z.infer<typeof FileEntry>;

/**
 * Numbers that a stage reports about its result: `problems: 800`, `solved: 612`. The counts of a stage are the sums
 * over its parts.
 */
export const Counts = z.record(z.string(), z.number());
export type Counts = z.infer<typeof Counts>;

/** Detects damaged files. It does not detect forged ones, because a forger can compute the checksum too. */
const Checksum = Sha256.describe('SHA-256 of the canonical JSON of everything else in this file.');

/**
 * The result of one pod of a stage: `parts/NNNNN.json` in the stage's folder, written last under a temporary name and
 * then renamed. Its presence means that this part is done, whatever happens to the other parts. No other fields are
 * allowed: a damaged field name must not look like a missing checksum.
 */
export const PartManifest = z.strictObject({
  part: z.int().min(0),
  attempt: z.int().min(0),
  files: z.array(FileEntry),
  counts: Counts,
  finishedAt: z.iso.datetime(),
  checksum: Checksum.optional().describe('Checksum of the part. Missing in parts that an older version wrote.'),
});
export type PartManifest = z.infer<typeof PartManifest>;

/**
 * A reference to the result of a stage: enough to find it and to check that it has not changed. Histories contain it.
 */
export const ManifestRef = z.object({
  kind: StageKind,
  key: StageKey,
  digest: Sha256.describe(
    'Hash of the outputs only. Equal results have equal digests, wherever and whenever they were made.',
  ),
  checksum: Checksum.optional().describe('Checksum of the manifest. Missing in histories of older versions.'),
});
export type ManifestRef = z.infer<typeof ManifestRef>;

/** Named inputs of a stage: `policy`, `prompts`, `trees` and so on. */
export const Inputs = z.record(z.string(), ManifestRef);
export type Inputs = z.infer<typeof Inputs>;

/** Everything that determines the result of a stage. The SHA-256 of its canonical JSON is the key of the stage. */
export const Identity = z.looseObject({
  kind: StageKind,
  config: z.json(),
  inputs: z
    .record(z.string(), z.json())
    .describe('Digest of every input by role. For kind analyse, the key and the checksum too.'),
  codeVersion: z.string(),
  seed: z.int(),
});
export type Identity = z.infer<typeof Identity>;

/** Version of the manifests that this version of orrery writes and reads. */
export const MANIFEST_VERSION = 2;

/**
 * `manifest.json` of a stage. It is written last, so its presence means that the stage is finished. Every reader
 * verifies it: it recomputes the key from the identity, the digest from files and counts, and the checksum from
 * everything else in the file.
 */
export const Manifest = z.object({
  ...ManifestRef.shape,
  schemaVersion: z.literal(MANIFEST_VERSION),
  checksum: Checksum,
  name: z.string(),
  identity: Identity,
  inputs: Inputs.describe('The inputs of the stage. Their digests are those of the identity.'),
  attempt: z.int().min(0).describe('The last attempt that published a part.'),
  parts: z.int().min(1),
  files: z.array(FileEntry),
  counts: Counts,
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
});
export type Manifest = z.infer<typeof Manifest>;

export const PUBLISHED_VERSION = 1;

/**
 * `published.json` beside a published report. It lists what was published, so that readers notice a report that was
 * changed later.
 */
export const Published = z.object({
  schemaVersion: z.literal(PUBLISHED_VERSION),
  campaignId: z.string(),
  analysis: ManifestRef,
  publishedAt: z.iso.datetime(),
  files: z.array(FileEntry).describe('Published files. Their paths are relative to the folder of the campaign.'),
  checksum: Checksum,
});
export type Published = z.infer<typeof Published>;
