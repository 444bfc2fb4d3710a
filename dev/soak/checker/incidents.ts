import type { CampaignStatusJson } from './campaigns.ts';
import type { FaultRecord } from './evidence.ts';
import type { StageFolder } from './store.ts';
import type { Report } from './violations.ts';

/** What happens at once is noted in some order: an execution may be seen to fail a little before the fault is written down. */
export const CLOCK_SLACK_MS = 2_000;
/** What was struck near the end of a full disk fails after it: a write waits, a retry is under way. */
const AFTERMATH_MS = 15_000;

const ms = (time: string): number => Date.parse(time);

/** Whether a fault was meant for an attempt of a stage, or for all that lived while it lasted. */
export function strikes(
  fault: FaultRecord,
  { key, claims }: Pick<StageFolder, 'key' | 'claims'>,
  attempt: number,
): boolean {
  if (fault.hits.some((hit) => hit.key === key && hit.attempt === attempt)) return true;
  const claim = claims[attempt];
  if (!fault.strikesAll || claim === undefined) return false;
  const next = claims[attempt + 1];
  const began = ms(claim.claimedAt);
  const ended = next === undefined ? Number.POSITIVE_INFINITY : ms(next.claimedAt);
  return began <= ms(fault.endedAt) + AFTERMATH_MS && ended >= ms(fault.at);
}

/**
 * False failures 0: every failure that orrery tells of follows from a fault, is called by a name that the fault explains, and comes after it;
 * and no execution was given up that nothing had struck.
 */
export function checkIncidents(
  statuses: readonly CampaignStatusJson[],
  store: ReadonlyMap<string, StageFolder>,
  faults: readonly FaultRecord[],
  report: Report,
): void {
  for (const { campaignId, stages } of statuses) {
    for (const { name, key, incidents } of stages) {
      const folder = key === null ? undefined : store.get(key);
      if (folder === undefined) continue;
      for (const incident of incidents) {
        const cause = faults.find(
          (fault) =>
            fault.explains.includes(incident.class) &&
            ms(fault.at) <= ms(incident.at) + CLOCK_SLACK_MS &&
            strikes(fault, folder, incident.attempt),
        );
        if (cause !== undefined) continue;
        const struck = faults.filter((fault) => strikes(fault, folder, incident.attempt)).map(({ kind }) => kind);
        report(
          'false failures',
          `${campaignId}: ${name}, attempt ${incident.attempt}`,
          `${incident.class} at ${incident.at} (${incident.message}), but what struck it was ${struck.join(', ') || 'nothing'}`,
        );
      }
    }
  }
  for (const folder of store.values()) {
    for (const { attempt } of folder.claims.slice(0, -1)) {
      if (faults.some((fault) => strikes(fault, folder, attempt))) continue;
      report(
        'false failures',
        `${folder.stage.name} (${folder.dir})`,
        `attempt ${attempt} was followed by another, but nothing had struck it`,
      );
    }
  }
}
