import type { FaultRecord, Sightings, StoreChange } from './evidence.ts';
import { CLOCK_SLACK_MS } from './incidents.ts';
import { sha256OfValue } from './read.ts';
import type { StageFolder } from './store.ts';
import type { Report } from './violations.ts';

/** Finds doubled executions in the claims. */
export function checkClaims({ claims, dir, stage }: StageFolder, report: Report): void {
  const doubled = (what: string) => report('doubled', `${stage.name} (${dir}/claims)`, what);
  for (const [index, { file, attempt, execution, claimedAt }] of claims.entries()) {
    const name = `${String(index).padStart(5, '0')}.json`;
    if (file !== name) {
      doubled(`expected ${name}, but found ${file}: attempts must have no gaps`);
      return; // The gap would make every later claim a violation too.
    }
    if (attempt !== index) doubled(`${file} says attempt ${attempt}`);
    const before = claims[index - 1];
    if (before === undefined) continue;
    if (claimedAt < before.claimedAt)
      doubled(`${file} was claimed at ${claimedAt}, before attempt ${index - 1} at ${before.claimedAt}`);
    if (before.released !== undefined && before.released > claimedAt && before.owner === claims[index]?.owner)
      doubled(
        `attempt ${index} was claimed at ${claimedAt}, but attempt ${index - 1} was released later, at ${before.released}`,
      );
    if (claims.slice(0, index).some((other) => other.execution === execution))
      doubled(`attempt ${index} has the token ${execution} of an earlier attempt`);
  }
}

/**
 * Finds doubled executions among the processes: executions of one stage must not overlap, and each must start after its
 * claim.
 */
export function checkSightings(
  { processes, overlaps }: Sightings,
  store: ReadonlyMap<string, StageFolder>,
  report: Report,
): void {
  for (const { at, why, one, other } of overlaps) {
    report(
      'doubled',
      `${one.job} (process ${one.pid}) and ${other.job} (process ${other.pid})`,
      `both were alive at ${at}: ${why}`,
    );
  }
  const ours = processes.filter(({ zombie }) => !zombie);
  for (const [key, ofStage] of Map.groupBy(ours, ({ key }) => key)) {
    const folder = store.get(key);
    if (folder === undefined) {
      report('doubled', key, `processes ran for a stage that is not in the store: ${ofStage[0]?.job}`);
      continue;
    }
    const attempts = [...Map.groupBy(ofStage, ({ attempt }) => attempt)].toSorted(([a], [b]) => a - b);
    let latest = { at: '', attempt: -1 };
    for (const [attempt, seen] of attempts) {
      const first = seen.map(({ firstSeen }) => firstSeen).toSorted()[0] ?? '';
      const last =
        seen
          .map(({ lastSeen }) => lastSeen)
          .toSorted()
          .at(-1) ?? '';
      const where = `${folder.stage.name} (${folder.dir})`;
      // Processes with equal times are no proof. The overlaps cover those that were alive together.
      if (first < latest.at)
        report(
          'doubled',
          where,
          `attempt ${attempt} was alive at ${first}, and attempt ${latest.attempt} was still alive at ${latest.at}`,
        );
      const claim = folder.claims[attempt];
      if (claim === undefined) report('doubled', where, `attempt ${attempt} was alive, but has no claim`);
      else if (first < claim.claimedAt)
        report('doubled', where, `attempt ${attempt} was alive at ${first}, before its claim at ${claim.claimedAt}`);
      if (last > latest.at) latest = { at: last, attempt };
    }
  }
}

/**
 * Checks that parts and manifests never change after they were first seen. There is one exception: the soak swaps
 * manifests. While that fault lasts, the manifest may have any content. Afterwards it must be restored to its first
 * content.
 */
export function checkFinishedStays(
  changes: readonly StoreChange[],
  faults: readonly FaultRecord[],
  report: Report,
): void {
  const finished = changes.filter(({ path }) => /^stages\/[^/]+\/(parts\/\d+|manifest)\.json$/.test(path));
  for (const [path, states] of Map.groupBy(finished, ({ path }) => path)) {
    const [first, ...later] = states;
    for (const { seenAt, inode, mtimeMs, content } of later) {
      if (first === undefined || (inode === first.inode && mtimeMs === first.mtimeMs)) continue;
      const swaps = faults.filter(({ swapped }) => swapped !== null && path === `stages/${swapped}/manifest.json`);
      const isSame = sha256OfValue(content) === sha256OfValue(first.content);
      if (swaps.some((fault) => (isSame ? isBegun(fault, seenAt) : isDuring(fault, seenAt)))) continue;
      report(
        'doubled',
        path,
        `the file was written again before ${seenAt}: ${attemptText(first.content)}, then ${attemptText(content)}`,
      );
    }
  }
}

const isBegun = ({ at }: FaultRecord, time: string): boolean => Date.parse(at) <= Date.parse(time) + CLOCK_SLACK_MS;
const isDuring = (fault: FaultRecord, time: string): boolean =>
  isBegun(fault, time) && Date.parse(time) <= Date.parse(fault.endedAt) + CLOCK_SLACK_MS;

const attemptText = (content: unknown): string => `attempt ${(content as { attempt?: number } | null)?.attempt}`;
