import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobRef, Shortage } from '../executor/index.ts';
import { type Outcome, type Run, ruleOf } from '../spec/index.ts';
import { isMissing, logsDir, readText, stageDir, writeFileAtomic } from '../store/index.ts';

/**
 * Whether the stage gives up an attempt instead of submitting its job. A job that can never run is given up, because
 * its pods would wait forever. A job that has to wait for other jobs is submitted, because the cluster has the queue,
 * unless the stage must not wait.
 */
export const isGivenUp = ({ fits }: Shortage, run: Pick<Run, 'failures'>): boolean =>
  fits === 'never' || mustFitNow(run);

/** Whether the stage must not wait for machines. */
export const mustFitNow = (run: Pick<Run, 'failures'>): boolean => ruleOf(run, 'Unschedulable').action === 'stop';

/** File in the log folder of an attempt. It records that the job of the attempt was not submitted. */
const NOTE = 'unschedulable.txt';
const noteOf = (store: string, { key, attempt }: Pick<JobRef, 'key' | 'attempt'>): string =>
  join(logsDir(stageDir(store, key), attempt), NOTE);

export async function noteShortage(store: string, job: JobRef, { why }: Shortage): Promise<void> {
  await mkdir(logsDir(stageDir(store, job.key), job.attempt), { recursive: true });
  await writeFileAtomic(noteOf(store, job), `${why}\n`);
}

/** The outcome of an attempt whose job was not submitted; null for other attempts. */
export async function unscheduled(store: string, job: JobRef): Promise<Outcome | null> {
  try {
    const message = (await readText(noteOf(store, job))).trim();
    const noPod = { exitCode: null, part: null, node: null } as const;
    return { kind: 'failed', failure: { class: 'Unschedulable', message, attempt: job.attempt, ...noPod } };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
