import { access, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isMissing, readJsonIfThere } from '../store/index.ts';
import { JOB_HOME, JOB_ID, JOB_NAME, jobFolder, jobPath, jobsFolder, LocalJob, standbyLogPath } from './job-folder.ts';
import { commandLine, markedProcesses, processStart, sendSignal } from './processes.ts';

/** A process of a job that has no record any more: its folder was removed under it. Nobody watches it, and nobody would ever end it. */
export interface Stray {
  readonly pid: number;
  /** Tells the process from a later one of the same pid. */
  readonly start: string;
  readonly job: string;
  readonly command: string;
}

/**
 * What this machine keeps of its jobs, beside their records: for the reconciler.
 * @param home - that of the executor
 */
export function localMachine(home: string) {
  return {
    /** State files of jobs, and leases. */
    folders: ['jobs', 'leases'].map((name) => ({ path: join(resolve(home), name), depth: 1 })),
    findStrays: () => findStrays(resolve(home)),
    /** SIGKILL, if it is the same process still. */
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
      // Looked for after the process: a record is there before the first process of its job has a name.
      const isKept = name === null ? await isStandbyOrHasJob(home, id) : await isRecorded(home, name, id);
      return isKept ? [] : [{ pid, start, job: name ?? id, command: await commandLine(pid) }];
    }),
  );
  return found.flat();
}

/** A record that cannot be read is one. */
async function isRecorded(home: string, name: string, id: string): Promise<boolean> {
  const record = await readJsonIfThere(jobPath(jobFolder(home, name)), LocalJob).catch(() => 'unreadable' as const);
  return record !== null && (record === 'unreadable' || record.id === id);
}

/** A supervisor that was started before its job waits still, or has one. In this order: its log is moved when the record is there. */
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
