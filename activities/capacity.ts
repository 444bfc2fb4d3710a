import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobRef, Shortage } from '../executor/index.ts';
import { type Outcome, type Run, ruleOf } from '../spec/index.ts';
import { isMissing, logsDir, readText, stageDir, writeFileAtomic } from '../store/index.ts';

/**
 * Whether an attempt is given up before its job is submitted. What can never run is, whatever follows: pods would only wait. What has to wait
 * for others is submitted, for the cluster has the queue, unless the stage is not to wait at all.
 */
export const isGivenUp = ({ fits }: Shortage, run: Pick<Run, 'failures'>): boolean =>
  fits === 'never' || mustFitNow(run);

/** Whether the stage is not to wait for machines. */
export const mustFitNow = (run: Pick<Run, 'failures'>): boolean => ruleOf(run, 'Unschedulable').action === 'stop';

/** Tells, for whoever looks after the attempt, that no job of it was submitted. In the attempt's folder of logs. */
const NOTE = 'unschedulable.txt';
const noteOf = (store: string, { key, attempt }: Pick<JobRef, 'key' | 'attempt'>): string =>
  join(logsDir(stageDir(store, key), attempt), NOTE);

export async function noteShortage(store: string, job: JobRef, { why }: Shortage): Promise<void> {
  await mkdir(logsDir(stageDir(store, job.key), job.attempt), { recursive: true });
  await writeFileAtomic(noteOf(store, job), `${why}\n`);
}

/** How an attempt ended whose job was never submitted; null for all others. */
export async function unscheduled(store: string, job: JobRef): Promise<Outcome | null> {
  try {
    const message = (await readText(noteOf(store, job))).trim();
    const nothing = { exitCode: null, part: null, node: null } as const;
    return { kind: 'failed', failure: { class: 'Unschedulable', message, attempt: job.attempt, ...nothing } };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
