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
 * Reads the records of a job. A record that does not parse (after a crash of the machine, on a full disk, after an
 * edit) never blocks anybody: its meaning follows from the other records.
 */

/** Why the record of a job does not parse, with the name of the file. */
export interface Unreadable {
  readonly unreadable: string;
}

async function readOr<T, U>(read: Promise<T>, otherwise: (message: string) => U): Promise<T | U> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof InvalidInputError) return otherwise(error.message);
    throw error;
  }
}

/** The job that was requested; null if there is none. */
export const readJob = (folder: string): Promise<LocalJob | Unreadable | null> =>
  readOr(readJsonIfThere(jobPath(folder), LocalJob), (unreadable) => ({ unreadable }));

/** Like {@link readJob}, but ends a job whose record does not parse, and returns null for it. */
export async function readJobOrEnd(folder: string): Promise<LocalJob | null> {
  const job = await readJob(folder);
  if (job === null || !('unreadable' in job)) return job;
  await endUnreadable(folder, job.unreadable);
  return null;
}

/** The last state that the supervisor wrote; null if unknown. */
export const readState = (folder: string): Promise<JobObservation | null> =>
  readOr(readJsonIfThere(statePath(folder), JobState), () => null);

/** Record of a job that has no supervisor and never will. */
export const NO_SUPERVISOR: SupervisorRecord = { pid: null, start: '' };

/**
 * The supervisor of the job; null if there is none yet. A record that does not parse had a supervisor that cannot be
 * found any more, so it counts as dead.
 */
export const readSupervisor = (folder: string): Promise<SupervisorRecord | null> =>
  readOr(readJsonIfThere(supervisorPath(folder), SupervisorRecord), () => NO_SUPERVISOR);

/** Whether the job must stop. The existence of the record is enough, whatever its content. */
export const isStopAsked = (folder: string): Promise<boolean> =>
  access(stopPath(folder)).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );

/**
 * Ends a job whose record does not parse. Its processes are found by its name and killed, and the record is renamed to
 * `job.json.unreadable`, so that the job no longer exists.
 * @returns the last observation of the job
 */
export async function endUnreadable(folder: string, why: string): Promise<JobObservation> {
  const { pid, start } = (await readSupervisor(folder)) ?? NO_SUPERVISOR;
  if (pid !== null && (await processStart(pid)) === start) sendSignal(pid, 'SIGKILL');
  const name = basename(folder);
  for (const { variable } of await markedProcesses(JOB_NAME, name)) {
    const id = variable(JOB_ID);
    if (id !== null && variable(JOB_HOME) === homeOf(folder)) await killMarked(JOB_ID, id);
  }
  await rename(jobPath(folder), `${jobPath(folder)}.unreadable`).catch((error: unknown) => {
    if (!isMissing(error)) throw error; // another process has renamed it
  });
  const phase = (await isStopAsked(folder)) ? 'stopped' : 'failed';
  return { name, phase, pods: [], message: `its record was set aside, and its processes were ended: ${why}` };
}
