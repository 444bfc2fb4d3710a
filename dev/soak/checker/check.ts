import { join } from 'node:path';
import { checkCampaigns } from './campaigns.ts';
import {
  type CampaignEnd,
  EVIDENCE,
  type FaultRecord,
  type LeftBehind,
  type Round,
  type Sightings,
  type StoreChange,
} from './evidence.ts';
import { checkClaims, checkFinishedStays, checkSightings } from './executions.ts';
import { checkHistories } from './histories.ts';
import { checkIncidents } from './incidents.ts';
import { checkProcesses, checkTemporaries } from './leftovers.ts';
import { checkOutputs } from './outputs.ts';
import { namesIn, readJson, readLines } from './read.ts';
import { readStore } from './store.ts';
import type { Report, Verdict, Violation } from './violations.ts';
import { checkJournals, checkTrainingSteps } from './work.ts';

/** What the checker found in a round. */
export interface Findings {
  readonly violations: readonly Violation[];
  /** Claimed attempts of all stages. */
  readonly executions: number;
  /** Failures that orrery reported, by class. Each follows from a fault or is a violation. */
  readonly incidents: Readonly<Record<string, number>>;
  readonly filesVerified: number;
  /** Temporary files and folders in the store before the reconciler ran. */
  readonly temporariesBefore: number;
}

/**
 * Checks the evidence of a round (see evidence.ts) and its store. It reads both with code of its own, written from
 * docs/architecture.md. It shares no code with the store, the workflows and the activities, so it cannot share their
 * mistakes.
 * @param folder - of the evidence
 * @param movedStore - folder of the store, when it has moved since the round
 */
export async function checkRound(folder: string, movedStore?: string): Promise<Findings> {
  const violations: Violation[] = [];
  const report: Report = (verdict: Verdict, where, what) => violations.push({ verdict, where, what });
  const read = <T>(name: string) => readJson<T>(join(folder, name));

  const written = await read<Round>(EVIDENCE.round);
  const round = { ...written, store: movedStore ?? written.store };
  const faults = await readLines<FaultRecord>(join(folder, EVIDENCE.faults));
  const sightings = await read<Sightings>(EVIDENCE.sightings);
  const changes = await readLines<StoreChange>(join(folder, EVIDENCE.storeChanges));
  const ends = await Promise.all(
    (await namesIn(join(folder, EVIDENCE.campaigns))).map((name) => read<CampaignEnd>(join(EVIDENCE.campaigns, name))),
  );
  const store = await readStore(round.store);

  for (const id of round.campaigns) {
    if (!ends.some((end) => end.id === id)) report('lost', id, 'the evidence has no end of this campaign');
  }
  const statuses = checkCampaigns(ends, report);
  await checkOutputs(round, statuses, store, faults, report);
  for (const stage of store.values()) {
    checkClaims(stage, report);
    checkJournals(stage, faults, report);
    checkTrainingSteps(stage, changes, faults, report);
  }
  checkSightings(sightings, store, report);
  checkFinishedStays(changes, faults, report);
  await checkHistories(join(folder, EVIDENCE.histories), store, report);
  checkIncidents(statuses, store, faults, report);
  const left = await read<LeftBehind>(EVIDENCE.left);
  checkProcesses(left, report);
  await checkTemporaries(round.store, left, report);
  for (const { kind, at, wrong } of faults) if (wrong !== null) report(wrong.verdict, `${kind} at ${at}`, wrong.what);

  const incidents = statuses.flatMap(({ stages }) => stages.flatMap((stage) => stage.incidents));
  const stages = [...store.values()];
  return {
    violations,
    executions: stages.reduce((sum, { claims }) => sum + claims.length, 0),
    incidents: Object.fromEntries(
      [...Map.groupBy(incidents, (incident) => incident.class)].map(([name, all]) => [name, all.length]),
    ),
    filesVerified: stages.reduce((sum, { manifest }) => sum + (manifest?.files.length ?? 0), 0),
    temporariesBefore: left.temporariesBefore,
  };
}

/** Violations by verdict. */
export function countByVerdict(violations: readonly Violation[]): Record<Verdict, number> {
  const count = (verdict: Verdict) => violations.filter((one) => one.verdict === verdict).length;
  return {
    lost: count('lost'),
    doubled: count('doubled'),
    'false failures': count('false failures'),
    leaked: count('leaked'),
  };
}
