import { mkdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { z } from 'zod';
import type { Executor, JobRef } from '../executor/index.ts';
import { logsDir, readJsonIfThere, stageDir, writeFileAtomic } from '../store/index.ts';
import type { Stall } from './stall.ts';

/** Written first: who finds a stopped job with it knows that it was stopped for a stall, even if who stopped it died since. */
const STALL = 'stall.json';

/** Content of that file: {@link Stall}, its words as the failure's message. */
const StallRecord = z.object({ words: z.string(), part: z.int().min(0).nullable(), node: z.string().nullable() });

const diagnosisDir = (store: string, { key, attempt }: Pick<JobRef, 'key' | 'attempt'>): string =>
  join(logsDir(stageDir(store, key), attempt), 'diagnosis');

/**
 * Keeps what a person needs to find out why an execution hung, before it is killed: `logs/attempt-N/diagnosis/` in the stage's folder.
 * @param stall - why it is taken for stalled
 * @returns the same, its words with where the diagnosis lies
 */
export async function saveDiagnosis(store: string, executor: Executor, job: JobRef, stall: Stall): Promise<Stall> {
  const folder = diagnosisDir(store, job);
  const told = { ...stall, words: `${stall.words}; what it was doing is in ${relative(store, folder)} of the store` };
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, STALL), `${JSON.stringify(told)}\n`);
  for (const [name, text] of Object.entries(await executor.diagnose(job.name))) {
    await writeFileAtomic(join(folder, basename(name)), text);
  }
  return told;
}

/** Why an execution was stopped as stalled; null if it was not. */
export const readStall = (store: string, job: JobRef): Promise<Stall | null> =>
  readJsonIfThere(join(diagnosisDir(store, job), STALL), StallRecord);
