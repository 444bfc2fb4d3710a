import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IS_TRAINER, type KeptWork, type Progress, type StageFile } from '../spec/index.ts';
import { CHECKPOINT_MARKER, checkpointsDir, isMissing } from '../store/index.ts';

/**
 * Work of an execution that the next execution finds done. For a trainer, it is the newest checkpoint with a marker.
 * For other programs, it is the progress that they reported, because they journal a unit before they report it.
 * @param own - progress that this execution reported, for the failed shard or for the stage; null if it reported none
 * @param part - the failed shard; null for the whole stage
 */
export async function keptWork(
  dir: string,
  kind: StageFile['kind'],
  own: Progress | null,
  part: number | null,
): Promise<KeptWork | null> {
  if (own === null) return null;
  const { from, done, attempt } = own;
  if (!IS_TRAINER.has(kind)) return { part, from, units: done };
  return { part: null, from, units: Math.max(from, (await newestCheckpoint(dir, attempt)) ?? from) };
}

/** Optimizer step of the newest checkpoint with a marker that this attempt saved; null if there is none. */
async function newestCheckpoint(dir: string, attempt: number): Promise<number | null> {
  const names = await readdir(checkpointsDir(dir)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const saved = names.flatMap((name) => {
    const match = /^step-(\d+)-attempt-(\d+)$/.exec(name);
    return match !== null && Number(match[2]) === attempt ? [{ name, step: Number(match[1]) }] : [];
  });
  for (const { name, step } of saved.toSorted((a, b) => b.step - a.step)) {
    const isMarked = await access(join(checkpointsDir(dir), name, CHECKPOINT_MARKER)).then(
      () => true,
      () => false,
    );
    if (isMarked) return step;
  }
  return null;
}
