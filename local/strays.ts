import { access, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isMissing, readJsonIfThere } from '../store/index.ts';
import { JOB_HOME, JOB_ID, JOB_NAME, jobFolder, jobPath, jobsFolder, LocalJob, standbyLogPath } from './job-folder.ts';
import { commandLine, markedProcesses, processStart, sendSignal } from './processes.ts';

/** A process of a job without a record, because its folder was removed. Nobody watches or ends it. */
export interface Stray {
  readonly pid: number;
  /** Distinguishes the process from a later one of the same pid. */
  readonly start: string;
  readonly job: string;
  readonly command: string;
}

/**
 * The files and processes of jobs on this machine, for the reconciler.
 * @param home - that of the executor
 */
export function localMachine(home: string) {
  return {
    /** State files of jobs, and leases. */
    folders: ['jobs', 'leases'].map((name) => ({ path: join(resolve(home), name), depth: 1 })),
    findStrays: () => findStrays(resolve(home)),
    /** Sends SIGKILL if the pid is still the same process. */
    async killStray({ pid, start }: Pick<Stray, 'pid' | 'start'>): Promise<void> {
      if ((await processStart(pid)) === start) sendSignal(pid, 'SIGKILL');
    },
  };
}

async function findStrays(home: string): Promise<Stray[]> {
  const marked = await markedProcesses(JOB_HOME, home);
  const found = await Promise.all(
    marked.map(async ({ pid, variable }): Promise<Stray[]> => {
      const [name, id, start] = [variable(JOB_NAME), variable(JOB_ID), await processStart(pid)];
      if (id === null || start === null) return [];
      // Read after the processes: a record exists before the first process of its job has a name.
      const isKept = name === null ? await isStandbyOrHasJob(home, id) : await isRecorded(home, name, id);
      return isKept ? [] : [{ pid, start, job: name ?? id, command: await commandLine(pid) }];
    }),
  );
  return found.flat();
}

/** Whether the job has a record. An unreadable record counts. */
async function isRecorded(home: string, name: string, id: string): Promise<boolean> {
  const record = await readJsonIfThere(jobPath(jobFolder(home, name)), LocalJob).catch(() => 'unreadable' as const);
  return record !== null && (record === 'unreadable' || record.id === id);
}

/**
 * Whether a standby supervisor still waits, or has a job. Checked in this order, because its log is moved only when the
 * record exists.
 */
async function isStandbyOrHasJob(home: string, id: string): Promise<boolean> {
  if (await exists(standbyLogPath(home, id))) return true;
  const names = await readdir(jobsFolder(home)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const name of names) if (await isRecorded(home, name, id)) return true;
  return false;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
