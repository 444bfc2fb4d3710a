import { hostname } from 'node:os';
import type { JobRequest } from '../executor/index.ts';
import { createExclusive } from '../store/index.ts';
import { jobFolder, jobPath, type LocalJob, newJobId } from './job-folder.ts';
import type { Log } from './log.ts';
import { readJobOrEnd } from './records.ts';
import { brokenExclusion } from './slots.ts';
import type { Supervisors } from './supervisors.ts';

/** The context of a submission. */
export interface SubmitOptions {
  readonly home: string;
  /** The resources of the machine for jobs: interpreters, folders, GPUs. */
  readonly machine: () => Omit<LocalJob, 'id' | 'request' | 'submittedAt'>;
  readonly supervisors: Supervisors;
  readonly log: Log;
}

/** Records a job and assigns a supervisor, or adopts the existing job of this name. */
export async function submitJob(options: SubmitOptions, request: JobRequest): Promise<void> {
  const { home, machine, supervisors, log } = options;
  const folder = jobFolder(home, request.name);
  const waiting = supervisors.standby.next();
  const job: LocalJob = {
    id: waiting?.id ?? newJobId(),
    request,
    ...machine(),
    submittedAt: new Date().toISOString(),
  };
  const isNew = await createExclusive(jobPath(folder), JSON.stringify(job)).catch((error: unknown) => {
    waiting?.release(); // its id may be on disk: no other job may get it
    throw error;
  });
  if (!isNew && waiting !== null) supervisors.standby.giveBack(waiting);
  const standing = isNew ? job : await readJobOrEnd(folder);
  if (standing === null) return await submitJob(options, request); // a stop of the same name removed it in between
  // Also for an adopted job: the worker that recorded it may have died before this line.
  await supervisors.assign(folder, standing, isNew ? waiting : null);
  log.info({ job: request.name }, isNew ? 'job submitted' : 'job adopted');
  if (isNew) warnOfBrokenExclusion(job, log);
}

function warnOfBrokenExclusion({ request, gpus }: LocalJob, log: Log): void {
  const { name, excludedNodes, resources, parts, gang } = request;
  const why = brokenExclusion(gpus, resources.gpus * (gang ? parts : 1), excludedNodes, hostname());
  if (why !== null) log.warn({ job: name, excludedNodes }, `node exclusion ignored: ${why}`);
}
