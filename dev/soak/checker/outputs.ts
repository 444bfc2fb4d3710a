import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type CampaignStatusJson, isEnded } from './campaigns.ts';
import type { FaultRecord, Round } from './evidence.ts';
import { sha256OfFile, sha256OfValue } from './read.ts';
import { currentClaimAt, type FileJson, type ManifestJson, type PartJson, type StageFolder } from './store.ts';
import type { Report } from './violations.ts';

const TRAINERS: ReadonlySet<string> = new Set(['pretrain', 'sft', 'rl']);

/**
 * Finds lost outputs: every file of every manifest must exist, byte for byte, and equal that of an undisturbed run of
 * the same spec.
 */
export async function checkOutputs(
  round: Round,
  statuses: readonly CampaignStatusJson[],
  store: ReadonlyMap<string, StageFolder>,
  faults: readonly FaultRecord[],
  report: Report,
): Promise<void> {
  const isSwapped = ({ key }: StageFolder): boolean => faults.some(({ swapped }) => swapped === key);
  for (const { campaignId, stages } of statuses) {
    for (const { name, state, result } of stages) {
      if (!isEnded(state) || result === null) continue; // checkCampaigns reports it.
      const where = `${campaignId}: ${name}`;
      const folder = store.get(result.key);
      const outputs = folder === undefined ? null : isSwapped(folder) ? outputsOfParts(folder) : folder.manifest;
      if (outputs === null) report('lost', where, `expected a manifest of stage ${result.key}, but there is none`);
      else if (outputs.digest !== result.digest)
        report('lost', where, `the manifest has digest ${outputs.digest}, but the status has ${result.digest}`);
      if (round.reference !== null) compare(where, name, result, round.reference[name], report);
    }
  }
  for (const folder of store.values()) {
    // A manifest that the soak swapped stays swapped until a program reads it. Its parts then show what it must
    // contain.
    const isStillSwapped = isSwapped(folder) && !isValid(folder);
    if (folder.manifest !== null && !isStillSwapped) checkManifest(folder, folder.manifest, report);
    const files = isStillSwapped ? outputsOfParts(folder).files : (folder.manifest?.files ?? []);
    await checkFiles(folder, files, report);
    checkWriters(folder, report);
  }
}

function compare(
  where: string,
  name: string,
  result: { readonly key: string; readonly digest: string },
  wanted: { readonly key: string; readonly digest: string } | undefined,
  report: Report,
): void {
  if (wanted === undefined) report('lost', where, 'the undisturbed run has no such stage');
  else if (name === 'analyse')
    return; // The report contains its key, which depends on the times in the manifests of its inputs.
  else if (result.key !== wanted.key)
    report(
      'lost',
      where,
      `the key is ${result.key}, but ${wanted.key} in the undisturbed run: an earlier stage differs, or the code has changed since`,
    );
  else if (result.digest !== wanted.digest)
    report('lost', where, `the digest is ${result.digest}, but ${wanted.digest} in the undisturbed run`);
}

function checkManifest({ dir, key, stage, parts }: StageFolder, manifest: ManifestJson, report: Report): void {
  const lost = (what: string) => report('lost', `${stage.name} (${dir})`, what);
  const { checksum, ...content } = manifest;
  if (manifest.key !== key) lost(`the manifest has key ${manifest.key}`);
  if (sha256OfValue(manifest.identity) !== key) lost('the hash of the identity in the manifest is not its key');
  if (sha256OfValue(content) !== checksum)
    lost(`the checksum of the manifest is ${checksum}, which is not that of its content`);
  if (parts.length !== manifest.parts) lost(`expected ${manifest.parts} parts, but there are ${parts.length}`);
  const published = parts.flatMap(({ files }) => files).toSorted(byPath);
  if (JSON.stringify(published) !== JSON.stringify(manifest.files.toSorted(byPath)))
    lost('the files of the manifest differ from those of its parts');
  const digest = digestOf(manifest);
  if (digest !== manifest.digest)
    lost(`the digest of the manifest is ${manifest.digest}, but that of its files and counts is ${digest}`);
}

/** Checks that the published files exist, byte for byte. */
async function checkFiles({ dir, stage }: StageFolder, files: readonly FileJson[], report: Report): Promise<void> {
  const lost = (what: string) => report('lost', `${stage.name} (${dir})`, what);
  for (const { path, sha256, bytes } of files) {
    const size = await stat(join(dir, path)).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) lost(`${path} does not exist`);
    else if (size !== bytes) lost(`${path}: expected ${bytes} bytes, but it has ${size}`);
    else if ((await sha256OfFile(join(dir, path))) !== sha256)
      lost(`${path}: its sha256 differs from the one in the manifest`);
  }
}

/** Whether the manifest belongs to this stage and its checksum and digest are right. */
function isValid({ key, manifest }: StageFolder): boolean {
  if (manifest === null) return false;
  const { checksum, ...content } = manifest;
  return manifest.key === key && sha256OfValue(content) === checksum && digestOf(manifest) === manifest.digest;
}

/** The files and the digest that follow from the parts of a stage. */
function outputsOfParts({ stage, parts }: StageFolder): Pick<ManifestJson, 'files' | 'digest'> {
  const files = parts.flatMap((part) => part.files);
  return { files, digest: digestOf({ kind: stage.kind, files, counts: sumOf(parts) }) };
}

function sumOf(parts: readonly PartJson[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, count] of parts.flatMap(({ counts }) => Object.entries(counts)))
    sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** The digest of outputs, as docs/architecture.md defines it. */
export function digestOf({ kind, files, counts }: Pick<ManifestJson, 'kind' | 'files' | 'counts'>): string {
  const counted = files
    .filter(({ path }) => !(TRAINERS.has(kind) && basename(path) === 'metrics.jsonl'))
    .map(({ path, sha256, bytes }) => ({ path, sha256, bytes }))
    .toSorted(byPath);
  return sha256OfValue({ kind, files: counted, counts });
}

const byPath = (a: { readonly path: string }, b: { readonly path: string }): number => (a.path < b.path ? -1 : 1);

/**
 * Finds parts and checkpoints from an attempt that was not current when it wrote them: a later attempt had replaced it.
 */
function checkWriters({ stage, dir, claims, parts, checkpoints }: StageFolder, report: Report): void {
  const written = [
    ...parts.map(({ part, attempt, finishedAt }) => ({ what: `part ${part}`, attempt, at: finishedAt })),
    ...checkpoints.map(({ step, attempt, savedAt }) => ({ what: `checkpoint ${step}`, attempt, at: savedAt })),
  ];
  for (const { what, attempt, at } of written) {
    const current = currentClaimAt(claims, at)?.attempt ?? null;
    if (current !== attempt)
      report(
        'doubled',
        `${stage.name} (${dir})`,
        `attempt ${attempt} wrote ${what} at ${at}, when attempt ${current} was current`,
      );
  }
}
