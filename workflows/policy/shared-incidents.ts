import { jsonBytes, type StageStatus } from '../../spec/index.ts';

/**
 * Maximum size of the incidents of all stages of a campaign, as JSON. Temporal allows 2 MiB for what a continued run
 * gets, and the status has other fields too. *Ours*: 55 kB for each of 19 stages, and a campaign of 16 arms still
 * shows the last incident of all 116.
 */
const INCIDENT_BYTES = 1024 * 1024;
/** Size of the other fields of an incident, at most: class, numbers, node, time, names of the fields. */
const OTHER_BYTES = 600;

/**
 * The status of a stage as its campaign keeps it: its last incidents, as many as fit into the stage's share, and one at
 * least. The workflow of the stage keeps more. Pure.
 * @param stages - number of stages of the campaign
 */
export function withinShare(status: StageStatus, stages: number): StageStatus {
  let left = INCIDENT_BYTES / stages;
  const newest = status.incidents.toReversed();
  const tooMany = newest.findIndex(({ message, followed }, index) => {
    left -= OTHER_BYTES + jsonBytes(message) + jsonBytes(followed);
    return left < 0 && index > 0;
  });
  return tooMany === -1 ? status : { ...status, incidents: newest.slice(0, tooMany).toReversed() };
}
