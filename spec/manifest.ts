import { z } from 'zod';
import { StageKind } from './stages/index.ts';

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');
/** Key of a stage: names its folder in the store. */
export const StageKey = Sha256;

/** A file in the stage's folder. */
export const FileEntry = z.object({
  path: z.string().describe('Relative to the stage’s folder, with forward slashes.'),
  sha256: Sha256,
  bytes: z.int().min(0),
});
export type FileEntry = z.infer<typeof FileEntry>;

/** Facts in numbers that a stage tells of its result: `problems: 800`, `solved: 612`. They add up over parts. */
export const Counts = z.record(z.string(), z.number());
export type Counts = z.infer<typeof Counts>;

/** SHA-256 of the canonical JSON of everything else that its file says. Finds changed bits, not a forger who writes it anew. */
const Checksum = Sha256.describe('SHA-256 of the canonical JSON of everything else in this file.');

/**
 * What one pod of a stage left: `parts/NNNNN.json` in the stage's folder, written last under a temporary name and then renamed.
 * Its presence means that this part is done, whatever becomes of the others. No other field is allowed, so that a checksum whose name
 * was damaged is not taken for one that is absent.
 */
export const PartManifest = z.strictObject({
  part: z.int().min(0),
  attempt: z.int().min(0),
  files: z.array(FileEntry),
  counts: Counts,
  finishedAt: z.iso.datetime(),
  checksum: Checksum.optional().describe('Absent in parts that an older version wrote.'),
});
export type PartManifest = z.infer<typeof PartManifest>;

/** How a stage is referred to: enough to find it and to tell whether it is what it was. Histories hold it. */
export const ManifestRef = z.object({
  kind: StageKind,
  key: StageKey,
  digest: Sha256.describe('Hash of the outputs alone: equal for equal results, whenever and wherever made.'),
  checksum: Checksum.optional().describe('Checksum of the manifest. Absent in histories of older versions.'),
});
export type ManifestRef = z.infer<typeof ManifestRef>;

/** Named inputs of a stage: `policy`, `prompts`, `trees` and so on. */
export const Inputs = z.record(z.string(), ManifestRef);
export type Inputs = z.infer<typeof Inputs>;

/** Everything that decides the result of a stage. Its SHA-256, as canonical JSON, is the stage's key. */
export const Identity = z.looseObject({
  kind: StageKind,
  config: z.json(),
  inputs: z
    .record(z.string(), z.json())
    .describe('Digest of every input by role; of kind analyse key and checksum too.'),
  codeVersion: z.string(),
  seed: z.int(),
});
export type Identity = z.infer<typeof Identity>;

/** What this version of orrery writes and reads. */
export const MANIFEST_VERSION = 2;

/**
 * `manifest.json` of a stage: written last, so its presence means done. A claim about bytes that its reader recomputes: the key from the
 * identity, the digest from files and counts, the checksum from all of it.
 */
export const Manifest = z.object({
  ...ManifestRef.shape,
  schemaVersion: z.literal(MANIFEST_VERSION),
  checksum: Checksum,
  name: z.string(),
  identity: Identity,
  inputs: Inputs.describe('Where its inputs lay; their digests are those of the identity.'),
  attempt: z.int().min(0).describe('The attempt that published last.'),
  parts: z.int().min(1),
  files: z.array(FileEntry),
  counts: Counts,
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
});
export type Manifest = z.infer<typeof Manifest>;

export const PUBLISHED_VERSION = 1;

/** `published.json` beside a published report: what was published, so that a report that was changed afterwards is not believed. */
export const Published = z.object({
  schemaVersion: z.literal(PUBLISHED_VERSION),
  campaignId: z.string(),
  analysis: ManifestRef,
  publishedAt: z.iso.datetime(),
  files: z.array(FileEntry).describe('Relative to the campaign’s folder.'),
  checksum: Checksum,
});
export type Published = z.infer<typeof Published>;
