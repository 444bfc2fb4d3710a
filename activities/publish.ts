import { join } from 'node:path';
import { publishedPage } from '../report/page.ts';
import { publishedReport } from '../report/provenance.ts';
import type { Report } from '../report/report-schema.ts';
import { type CampaignStatus, FILES, type Manifest, type ManifestRef, PUBLISHED_VERSION } from '../spec/index.ts';
import {
  CorruptFileError,
  campaignDir,
  type OnDamage,
  OtherVersionError,
  publishedRecordPath,
  readManifest,
  readVerified,
  repairInput,
  sha256,
  stageDir,
  withChecksum,
  writeFileAtomic,
} from '../store/index.ts';

/** Paths in the store. */
export interface PublishedPaths {
  readonly html: string;
  readonly json: string;
}

/**
 * Publishes the report of a campaign. The pages come from its analysis and are verified like other data; the facts of
 * this campaign are filled in.
 * @throws CorruptFileError, OtherVersionError when the analysis is not what the history holds
 */
export async function publishCampaign(
  store: string,
  campaignId: string,
  analysis: ManifestRef,
  status: CampaignStatus,
  onDamage: OnDamage,
): Promise<PublishedPaths> {
  const stage = stageDir(store, analysis.key);
  const manifest = readManifest(stage, analysis);
  if (manifest === null) throw new CorruptFileError(`${stage}: expected a finished analysis, but there is no manifest`);
  const read = async (name: string) => (await readVerified(stage, manifest, `data/${name}`)).toString('utf8');
  const [page, json] = [await read(FILES.analyse.html), await read(FILES.analyse.json)];
  const manifests = await manifestsOf(store, status, onDamage);
  const publishedAt = new Date().toISOString();
  const report = publishedReport(
    JSON.parse(json) as Report,
    status,
    publishedAt,
    ({ key }) => manifests.get(key) ?? null,
  );

  const contents = {
    [FILES.analyse.html]: publishedPage(page, report),
    [FILES.analyse.json]: `${JSON.stringify(report, null, 2)}\n`,
  };
  const dir = campaignDir(store, campaignId);
  for (const [name, text] of Object.entries(contents)) await writeFileAtomic(join(dir, name), text);
  const files = Object.entries(contents).map(([path, text]) => ({
    path,
    sha256: sha256(text),
    bytes: Buffer.byteLength(text),
  }));
  const record = withChecksum({ schemaVersion: PUBLISHED_VERSION, campaignId, analysis, publishedAt, files });
  // Written last, because readers compare the report with it.
  await writeFileAtomic(publishedRecordPath(dir), `${JSON.stringify(record, null, 2)}\n`);
  return { html: join(dir, FILES.analyse.html), json: join(dir, FILES.analyse.json) };
}

/** Manifests of the campaign's results, by key. A damaged one that cannot be sealed again is left out. */
async function manifestsOf(
  store: string,
  { stages }: CampaignStatus,
  onDamage: OnDamage,
): Promise<ReadonlyMap<string, Manifest>> {
  const found = new Map<string, Manifest>();
  for (const { name, result } of stages) {
    if (result === null) continue;
    try {
      await repairInput(store, result, onDamage);
      const manifest = readManifest(stageDir(store, result.key), result);
      if (manifest !== null) found.set(result.key, manifest);
    } catch (error) {
      if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
      onDamage(error.message, `the report leaves out the provenance of ${name}`);
    }
  }
  return found;
}
