import type { FaultRecord, StoreChange } from './evidence.ts';
import { strikes } from './incidents.ts';
import type { StageFolder } from './store.ts';
import type { Report } from './violations.ts';

/** Of a progress file, what is looked at. */
interface ProgressJson {
  readonly attempt: number;
  readonly done: number;
  readonly from?: number;
}

/** How far an attempt of a trainer was seen to be. */
interface Reach {
  readonly attempt: number;
  readonly from: number;
  readonly done: number;
}

/**
 * Lost 0, of training steps: a kill costs at most what was done since the last checkpoint, one interval; every checkpoint that the soak
 * damages costs one more. Who is asked to stop saves first, and loses nothing. What was seen understates, so no one is blamed wrongly.
 */
export function checkTrainingSteps(
  folder: StageFolder,
  changes: readonly StoreChange[],
  faults: readonly FaultRecord[],
  report: Report,
): void {
  const everySteps = folder.stage.config.checkpoints?.everySteps;
  if (everySteps === undefined) return;
  const seen = reachOf(changes.filter(({ path }) => path === `stages/${folder.key}/progress/00000.json`));
  for (const [index, { attempt, from }] of seen.entries()) {
    const before = seen[index - 1];
    if (before === undefined) continue;
    // Attempts in between may have come and gone without a word, each struck in its turn.
    const struck = faults.filter((fault) =>
      folder.claims.slice(before.attempt, attempt).some((claim) => strikes(fault, folder, claim.attempt)),
    );
    const damaged = struck.reduce((sum, { checkpointsDamaged }) => sum + checkpointsDamaged, 0);
    const allowed = struck.length > 0 && struck.every(({ graceful }) => graceful) ? 0 : everySteps * (1 + damaged);
    const lost = before.done - from;
    if (lost > allowed)
      report(
        'lost',
        `${folder.stage.name} (${folder.dir})`,
        `attempt ${attempt} went on at step ${from}, but attempt ${before.attempt} had come to ${before.done}: expected at most ${allowed} steps lost (${struck.map(({ kind }) => kind).join(', ') || 'no fault'})`,
      );
  }
}

function reachOf(changes: readonly StoreChange[]): Reach[] {
  const reports = changes.map(({ content }) => content as ProgressJson);
  const attempts = [...Map.groupBy(reports, ({ attempt }) => attempt)].toSorted(([a], [b]) => a - b);
  return attempts.map(([attempt, said]) => ({
    attempt,
    from: Math.min(...said.map(({ from, done }) => Math.max(from ?? 0, 0) || done)),
    done: Math.max(...said.map(({ done }) => done)),
  }));
}

/** Doubled 0, of journaled work: no entry is made a second time by a later attempt. */
export function checkJournals(
  { key, journals, stage, dir }: StageFolder,
  faults: readonly FaultRecord[],
  report: Report,
): void {
  // A zombie may journal what others have done: its lines count as once. It publishes nothing, which is looked at elsewhere.
  if (faults.some(({ kind, hits }) => kind === 'zombie' && hits.some((hit) => hit.key === key))) return;
  for (const [part, files] of Map.groupBy(journals, ({ part }) => part)) {
    const owner = new Map<string, number>();
    const again = new Map<string, number>();
    for (const { attempt, lines } of files.toSorted((a, b) => a.attempt - b.attempt)) {
      for (const line of lines) {
        const first = owner.get(line);
        const both = `attempt ${first} and again attempt ${attempt}`;
        if (first === undefined) owner.set(line, attempt);
        else if (first !== attempt) again.set(both, (again.get(both) ?? 0) + 1);
      }
    }
    for (const [who, entries] of again)
      report('doubled', `${stage.name} (${dir}/journal), part ${part}`, `${entries} entries were made by ${who}`);
  }
}
