import { mkdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { Executor } from '../spec/index.ts';
import { isMissing, logsDir, stageDir, writeFileAtomic } from '../store/index.ts';
import type { JobRef } from './job-request.ts';

/** Written first: who finds a stopped job with it knows that it was stopped for a stall, even if who stopped it died since. */
const STALL = 'stall.txt';

const diagnosisDir = (store: string, { key, attempt }: Pick<JobRef, 'key' | 'attempt'>): string =>
  join(logsDir(stageDir(store, key), attempt), 'diagnosis');

/**
 * Keeps what a person needs to find out why an execution hung, before it is killed: `logs/attempt-N/diagnosis/` in the stage's folder.
 * @param words - why it is taken for stalled
 * @returns those words, and where the diagnosis lies
 */
export async function saveDiagnosis(store: string, executor: Executor, job: JobRef, words: string): Promise<string> {
  const folder = diagnosisDir(store, job);
  const message = `${words}; what it was doing is in ${relative(store, folder)} of the store`;
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, STALL), `${message}\n`);
  for (const [name, text] of Object.entries(await executor.diagnose(job.name))) {
    await writeFileAtomic(join(folder, basename(name)), text);
  }
  return message;
}

/** Why an execution was stopped as stalled; null if it was not. */
export async function readStall(store: string, job: JobRef): Promise<string | null> {
  try {
    return (await readFile(join(diagnosisDir(store, job), STALL), 'utf8')).trim();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
