import type { CampaignStatusJson } from './campaigns.ts';
import type { FaultRecord } from './evidence.ts';
import type { StageFolder } from './store.ts';
import type { Report } from './violations.ts';

/** Events at nearly the same time may be recorded in any order: a failure may be recorded shortly before its fault. */
export const CLOCK_SLACK_MS = 2_000;
/**
 * An execution may fail some time after a fault such as a full disk has ended: it waits for a write or a retry first.
 */
const AFTERMATH_MS = 15_000;

const ms = (time: string): number => Date.parse(time);

/** Whether a fault targeted an attempt of a stage, or struck all executions while the attempt was alive. */
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
 * Finds false failures. Each failure that orrery reports must follow a fault that struck the attempt, and have a class
 * that this fault explains. No attempt may be replaced unless a fault struck it.
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
          `${incident.class} at ${incident.at} (${incident.message}) has no cause; faults that struck this attempt: ${struck.join(', ') || 'none'}`,
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
        `a later attempt replaced attempt ${attempt}, but no fault had struck it`,
      );
    }
  }
}
