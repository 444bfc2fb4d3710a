import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type CampaignStatusJson, isEnded } from './campaigns.ts';
import type { FaultRecord, Round } from './evidence.ts';
import { sha256OfFile, sha256OfValue } from './read.ts';
import { type FileJson, inForceAt, type ManifestJson, type PartJson, type StageFolder } from './store.ts';
import type { Report } from './violations.ts';

const TRAINERS: ReadonlySet<string> = new Set(['pretrain', 'sft', 'rl']);

/** Lost 0: what every manifest names is there, byte for byte, and is what an undisturbed run of the same spec makes. */
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
      if (!isEnded(state) || result === null) continue; // told by checkCampaigns
      const where = `${campaignId}: ${name}`;
      const folder = store.get(result.key);
      const says = folder === undefined ? null : isSwapped(folder) ? ofParts(folder) : folder.manifest;
      if (says === null) report('lost', where, `expected a manifest of stage ${result.key}, but there is none`);
      else if (says.digest !== result.digest)
        report('lost', where, `the manifest has digest ${says.digest}, but the status said ${result.digest}`);
      if (round.reference !== null) compare(where, name, result, round.reference[name], report);
    }
  }
  for (const folder of store.values()) {
    // One that the soak has swapped, and nobody has read since, is still another; what it has to be, its parts say.
    const isLeft = isSwapped(folder) && !holds(folder);
    if (folder.manifest !== null && !isLeft) checkManifest(folder, folder.manifest, report);
    const files = isLeft ? ofParts(folder).files : (folder.manifest?.files ?? []);
    await checkFiles(folder, files, report);
    checkInForce(folder, report);
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
    return; // its report names its key, which counts the checksums of its inputs' manifests, and so their times
  else if (result.key !== wanted.key)
    report(
      'lost',
      where,
      `its key is ${result.key}, in the undisturbed run ${wanted.key}: something before it differs, or the code has changed since`,
    );
  else if (result.digest !== wanted.digest)
    report('lost', where, `its digest is ${result.digest}, in the undisturbed run ${wanted.digest}`);
}

function checkManifest({ dir, key, stage, parts }: StageFolder, manifest: ManifestJson, report: Report): void {
  const lost = (what: string) => report('lost', `${stage.name} (${dir})`, what);
  const { checksum, ...says } = manifest;
  if (manifest.key !== key) lost(`the manifest says key ${manifest.key}`);
  if (sha256OfValue(manifest.identity) !== key) lost('what the manifest says went in (identity) does not make its key');
  if (sha256OfValue(says) !== checksum) lost(`its checksum is ${checksum}, but what it says makes another`);
  if (parts.length !== manifest.parts) lost(`expected ${manifest.parts} parts, but there are ${parts.length}`);
  const published = parts.flatMap(({ files }) => files).toSorted(byPath);
  if (JSON.stringify(published) !== JSON.stringify(manifest.files.toSorted(byPath)))
    lost('the files of the manifest are not those of its parts');
  const digest = digestOf(manifest);
  if (digest !== manifest.digest) lost(`its digest is ${manifest.digest}, but its files and counts make ${digest}`);
}

/** What was published is there, byte for byte. */
async function checkFiles({ dir, stage }: StageFolder, files: readonly FileJson[], report: Report): Promise<void> {
  const lost = (what: string) => report('lost', `${stage.name} (${dir})`, what);
  for (const { path, sha256, bytes } of files) {
    const size = await stat(join(dir, path)).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) lost(`${path} is not there`);
    else if (size !== bytes) lost(`${path}: expected ${bytes} bytes, but it has ${size}`);
    else if ((await sha256OfFile(join(dir, path))) !== sha256)
      lost(`${path}: its sha256 is not the one of the manifest`);
  }
}

/** Whether the manifest is one of this stage that agrees with itself. */
function holds({ key, manifest }: StageFolder): boolean {
  if (manifest === null) return false;
  const { checksum, ...says } = manifest;
  return manifest.key === key && sha256OfValue(says) === checksum && digestOf(manifest) === manifest.digest;
}

/** What the parts of a stage make together. */
function ofParts({ stage, parts }: StageFolder): Pick<ManifestJson, 'files' | 'digest'> {
  const files = parts.flatMap((part) => part.files);
  return { files, digest: digestOf({ kind: stage.kind, files, counts: sumOf(parts) }) };
}

function sumOf(parts: readonly PartJson[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, count] of parts.flatMap(({ counts }) => Object.entries(counts)))
    sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** As docs/architecture.md says it. */
export function digestOf({ kind, files, counts }: Pick<ManifestJson, 'kind' | 'files' | 'counts'>): string {
  const counted = files
    .filter(({ path }) => !(TRAINERS.has(kind) && basename(path) === 'metrics.jsonl'))
    .map(({ path, sha256, bytes }) => ({ path, sha256, bytes }))
    .toSorted(byPath);
  return sha256OfValue({ kind, files: counted, counts });
}

const byPath = (a: { readonly path: string }, b: { readonly path: string }): number => (a.path < b.path ? -1 : 1);

/** A part or checkpoint whose attempt was not the one in force when it was written comes from an execution that had been given up. */
function checkInForce({ stage, dir, claims, parts, checkpoints }: StageFolder, report: Report): void {
  const written = [
    ...parts.map(({ part, attempt, finishedAt }) => ({ what: `part ${part}`, attempt, at: finishedAt })),
    ...checkpoints.map(({ step, attempt, savedAt }) => ({ what: `checkpoint ${step}`, attempt, at: savedAt })),
  ];
  for (const { what, attempt, at } of written) {
    const inForce = inForceAt(claims, at)?.attempt ?? null;
    if (inForce !== attempt)
      report(
        'doubled',
        `${stage.name} (${dir})`,
        `${what} was written by attempt ${attempt} at ${at}, when attempt ${inForce} was in force`,
      );
  }
}
