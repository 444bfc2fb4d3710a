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

/**
 * What one pod of a stage left: `parts/NNNNN.json` in the stage's folder, written last under a temporary name and then renamed.
 * Its presence means that this part is done, whatever becomes of the others.
 */
export const PartManifest = z.object({
  part: z.int().min(0),
  attempt: z.int().min(0),
  files: z.array(FileEntry),
  counts: Counts,
  finishedAt: z.iso.datetime(),
});
export type PartManifest = z.infer<typeof PartManifest>;

/** How a stage is referred to: enough to find it and to tell whether it is what it was. */
export const ManifestRef = z.object({
  kind: StageKind,
  key: StageKey,
  digest: Sha256.describe('Hash of the outputs alone: equal for equal results, whenever and wherever made.'),
});
export type ManifestRef = z.infer<typeof ManifestRef>;

/** Named inputs of a stage: `policy`, `prompts`, `trees` and so on. */
export const Inputs = z.record(z.string(), ManifestRef);
export type Inputs = z.infer<typeof Inputs>;

/** `manifest.json` of a stage: written last, so its presence means done. */
export const Manifest = ManifestRef.extend({
  schemaVersion: z.literal(1),
  name: z.string(),
  inputs: Inputs,
  config: z.json(),
  seed: z.int(),
  codeVersion: z.string(),
  attempt: z.int().min(0).describe('The attempt that published last.'),
  parts: z.int().min(1),
  files: z.array(FileEntry),
  counts: Counts,
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
});
export type Manifest = z.infer<typeof Manifest>;
