import { mkdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { z } from 'zod';
import type { Executor, JobRef } from '../executor/index.ts';
import { logsDir, readJsonIfThere, stageDir, writeFileAtomic } from '../store/index.ts';
import type { Stall } from './stall.ts';

/** Written before the job is stopped, so that another worker knows why, even if the worker that stopped it has died. */
const STALL = 'stall.json';

/** Content of that file: a {@link Stall}. Its `words` become the message of the failure. */
const StallRecord = z.object({ words: z.string(), part: z.int().min(0).nullable(), node: z.string().nullable() });

const diagnosisDir = (store: string, { key, attempt }: Pick<JobRef, 'key' | 'attempt'>): string =>
  join(logsDir(stageDir(store, key), attempt), 'diagnosis');

/**
 * Saves what a person needs to find out why an execution hangs, in `logs/attempt-N/diagnosis/` of the stage's folder.
 * Called before the execution is killed.
 * @param stall - why the execution counts as stalled
 * @returns the same stall; its `words` also name the folder of the diagnosis
 */
export async function saveDiagnosis(store: string, executor: Executor, job: JobRef, stall: Stall): Promise<Stall> {
  const folder = diagnosisDir(store, job);
  const explained = {
    ...stall,
    words: `${stall.words}; what it was doing is in ${relative(store, folder)} of the store`,
  };
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, STALL), `${JSON.stringify(explained)}\n`);
  for (const [name, text] of Object.entries(await executor.diagnose(job.name))) {
    await writeFileAtomic(join(folder, basename(name)), text);
  }
  return explained;
}

/** Why an execution was stopped as stalled; null if it was not. */
export const readStall = (store: string, job: JobRef): Promise<Stall | null> =>
  readJsonIfThere(join(diagnosisDir(store, job), STALL), StallRecord);
