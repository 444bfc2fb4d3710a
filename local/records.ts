import { access, rename } from 'node:fs/promises';
import { basename } from 'node:path';
import type { JobObservation } from '../executor/index.ts';
import { InvalidInputError } from '../spec/errors.ts';
import { isMissing, readJsonIfThere } from '../store/files.ts';
import {
  homeOf,
  JOB_HOME,
  JOB_ID,
  JOB_NAME,
  JobState,
  jobPath,
  LocalJob,
  SupervisorRecord,
  statePath,
  stopPath,
  supervisorPath,
} from './job-folder.ts';
import { killMarked, markedProcesses, processStart, sendSignal } from './processes.ts';

/**
 * The records of a job, read so that one which does not parse (a machine that went down, a disk that was full, another hand) never keeps
 * anybody waiting: what it means follows from what else is known.
 */

/** Why the record of a job does not parse, with the name of the file. */
export interface Unreadable {
  readonly unreadable: string;
}

async function readOr<T, U>(read: Promise<T>, otherwise: (words: string) => U): Promise<T | U> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof InvalidInputError) return otherwise(error.message);
    throw error;
  }
}

/** What was asked for; null where there is no such job. */
export const readJob = (folder: string): Promise<LocalJob | Unreadable | null> =>
  readOr(readJsonIfThere(jobPath(folder), LocalJob), (unreadable) => ({ unreadable }));

/** As {@link readJob}, but a job whose record does not parse is ended, and is none. */
export async function readJobOrEnd(folder: string): Promise<LocalJob | null> {
  const job = await readJob(folder);
  if (job === null || !('unreadable' in job)) return job;
  await endUnreadable(folder, job.unreadable);
  return null;
}

/** The job as last seen by its supervisor; null where that is not known. */
export const readState = (folder: string): Promise<JobObservation | null> =>
  readOr(readJsonIfThere(statePath(folder), JobState), () => null);

/** A supervisor that nobody is, and nobody ever will be. */
export const NOBODY: SupervisorRecord = { pid: null, start: '' };

/** Who runs the job; null where nobody does yet. Where the record does not parse somebody did, and cannot be found: as one who is gone. */
export const readSupervisor = (folder: string): Promise<SupervisorRecord | null> =>
  readOr(readJsonIfThere(supervisorPath(folder), SupervisorRecord), () => NOBODY);

/** Whether the job is to stop. That the record is there says so, whatever it holds. */
export const isStopAsked = (folder: string): Promise<boolean> =>
  access(stopPath(folder)).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );

/**
 * Ends a job whose record does not parse: its processes are killed, found by its name, and the record is set aside as
 * `job.json.unreadable`, so that there is no such job from then on.
 * @returns the last that is told of it
 */
export async function endUnreadable(folder: string, why: string): Promise<JobObservation> {
  const { pid, start } = (await readSupervisor(folder)) ?? NOBODY;
  if (pid !== null && (await processStart(pid)) === start) sendSignal(pid, 'SIGKILL');
  const name = basename(folder);
  for (const { variable } of await markedProcesses(JOB_NAME, name)) {
    const id = variable(JOB_ID);
    if (id !== null && variable(JOB_HOME) === homeOf(folder)) await killMarked(JOB_ID, id);
  }
  await rename(jobPath(folder), `${jobPath(folder)}.unreadable`).catch((error: unknown) => {
    if (!isMissing(error)) throw error; // another has done so
  });
  const phase = (await isStopAsked(folder)) ? 'stopped' : 'failed';
  return { name, phase, pods: [], message: `its record was set aside, and its processes were ended: ${why}` };
}
