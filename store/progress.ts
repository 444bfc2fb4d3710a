import { stat } from 'node:fs/promises';
import { PROGRESS_BYTES, Progress } from '../spec/progress.ts';
import { readJsonIfThere } from './files.ts';
import { partPath, progressPath } from './layout.ts';

/**
 * Progress of a stage by part. It comes from this attempt, or from an earlier attempt that finished the part. Null for
 * a pod that has not reported. A progress file that does not parse counts as missing, because the next report replaces
 * it.
 */
export function readPartsProgress(stage: string, parts: number, attempt: number): Promise<(Progress | null)[]> {
  return Promise.all(Array.from({ length: parts }, (_, part) => progressOfPart(stage, part, attempt)));
}

async function progressOfPart(stage: string, part: number, attempt: number): Promise<Progress | null> {
  const progress = await readJsonIfThere(progressPath(stage, part), Progress, PROGRESS_BYTES).catch(() => null);
  if (progress === null || progress.attempt === attempt) return progress;
  const done = await stat(partPath(stage, part)).catch(() => null);
  return done === null ? null : { ...progress, rate: null, from: progress.done, beganAt: null, savingSeconds: 0 };
}
