import { mkdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { z } from 'zod';
import type { Executor, JobRef } from '../executor/index.ts';
import { logsDir, readJsonIfThere, stageDir, writeFileAtomic } from '../store/index.ts';
import type { Stall } from './stall.ts';

/**
 * Written first, so that another worker that finds the stopped job knows about the stall, even if the first worker
 * died.
 */
const STALL = 'stall.json';

/** Content of that file: a {@link Stall}, whose `words` are the message of the failure. */
const StallRecord = z.object({ words: z.string(), part: z.int().min(0).nullable(), node: z.string().nullable() });

const diagnosisDir = (store: string, { key, attempt }: Pick<JobRef, 'key' | 'attempt'>): string =>
  join(logsDir(stageDir(store, key), attempt), 'diagnosis');

/**
 * Saves the diagnosis of a hung execution before the execution is killed: `logs/attempt-N/diagnosis/` in the folder of
 * the stage.
 * @param stall - why it counts as stalled
 * @returns the same stall; its message also says where the diagnosis is
 */
export async function saveDiagnosis(store: string, executor: Executor, job: JobRef, stall: Stall): Promise<Stall> {
  const folder = diagnosisDir(store, job);
  const reported = { ...stall, words: `${stall.words}; its diagnosis is in ${relative(store, folder)} of the store` };
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, STALL), `${JSON.stringify(reported)}\n`);
  for (const [name, text] of Object.entries(await executor.diagnose(job.name))) {
    await writeFileAtomic(join(folder, basename(name)), text);
  }
  return reported;
}

/** Why an execution was stopped as stalled; null if it was not stopped for that. */
export const readStall = (store: string, job: JobRef): Promise<Stall | null> =>
  readJsonIfThere(join(diagnosisDir(store, job), STALL), StallRecord);
