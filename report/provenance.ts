import type { Manifest, ManifestRef } from '../spec/manifest.ts';
import type { CampaignStatus } from '../spec/status.ts';
import type { PublishedReport, Report, StageFacts } from './report-schema.ts';

/**
 * Adds to a report what belongs to one campaign. Another campaign with equal results may have made the analysis, so
 * these facts come from this campaign's own status. Pure.
 * @param manifestOf - manifest of a result of this campaign; null when it is damaged or lost
 */
export function publishedReport(
  report: Report,
  status: CampaignStatus,
  publishedAt: string,
  manifestOf: (result: ManifestRef) => Manifest | null,
): PublishedReport {
  const provenance = status.stages.flatMap(({ name, state, result }): StageFacts[] =>
    result === null || name === 'analyse' ? [] : [stageFacts(name, state === 'reused', result, manifestOf(result))],
  );
  const { campaignId: id, name } = status;
  return { ...report, campaign: { id, name, publishedAt }, provenance, run: status };
}

function stageFacts(name: string, reused: boolean, result: ManifestRef, manifest: Manifest | null): StageFacts {
  const { kind, key, digest } = result;
  if (manifest === null) return { name, kind, key, digest, reused, made: null };
  const { identity, attempt, parts, startedAt, finishedAt, counts } = manifest;
  const { codeVersion, seed, config } = identity;
  const seconds = Math.max(0, (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
  const made = { codeVersion, seed, attempt, parts, startedAt, finishedAt, seconds, counts, config };
  return { name, kind, key, digest, reused, made };
}
