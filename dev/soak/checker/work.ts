import type { FaultRecord, StoreChange } from './evidence.ts';
import { strikes } from './incidents.ts';
import type { StageFolder } from './store.ts';
import type { Report } from './violations.ts';

/** The part of a progress file that the checker reads. */
interface ProgressJson {
  readonly attempt: number;
  readonly done: number;
  readonly from?: number;
}

/** The steps that an attempt of a trainer was seen to run. */
interface ObservedSteps {
  readonly attempt: number;
  readonly from: number;
  readonly done: number;
}

/**
 * Finds lost training steps. A kill may cost the steps since the last checkpoint, at most one interval. Each checkpoint
 * that the soak damages may cost one interval more. A program that is asked to stop saves first and must lose nothing.
 * The runner sees progress with a delay, so this check never counts too many lost steps.
 */
export function checkTrainingSteps(
  folder: StageFolder,
  changes: readonly StoreChange[],
  faults: readonly FaultRecord[],
  report: Report,
): void {
  const everySteps = folder.stage.config.checkpoints?.everySteps;
  if (everySteps === undefined) return;
  const seen = observedSteps(changes.filter(({ path }) => path === `stages/${folder.key}/progress/00000.json`));
  for (const [index, { attempt, from }] of seen.entries()) {
    const before = seen[index - 1];
    if (before === undefined) continue;
    // Attempts in between may have been struck before they reported any progress.
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
        `attempt ${attempt} continued at step ${from}, but attempt ${before.attempt} had reached step ${before.done}: expected at most ${allowed} steps lost (${struck.map(({ kind }) => kind).join(', ') || 'no fault'})`,
      );
  }
}

function observedSteps(changes: readonly StoreChange[]): ObservedSteps[] {
  const reports = changes.map(({ content }) => content as ProgressJson);
  const attempts = [...Map.groupBy(reports, ({ attempt }) => attempt)].toSorted(([a], [b]) => a - b);
  return attempts.map(([attempt, progress]) => ({
    attempt,
    from: Math.min(...progress.map(({ from, done }) => Math.max(from ?? 0, 0) || done)),
    done: Math.max(...progress.map(({ done }) => done)),
  }));
}

/** Finds doubled work in the journals: no attempt may repeat an entry of an earlier one. */
export function checkJournals(
  { key, journals, stage, dir }: StageFolder,
  faults: readonly FaultRecord[],
  report: Report,
): void {
  // A zombie may journal the work of other attempts again. That is harmless as long as it publishes nothing, which
  // outputs.ts checks.
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
      report('doubled', `${stage.name} (${dir}/journal), part ${part}`, `${entries} entries were written by ${who}`);
  }
}
