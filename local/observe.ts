import { stat } from 'node:fs/promises';
import { type JobObservation, jobHasEnded, type PodState } from '../executor/index.ts';
import { FAILURES } from '../spec/failures.ts';
import { createExclusive, writeFileAtomic } from '../store/files.ts';
import {
  JOB_ID,
  type LocalJob,
  pendingJob,
  type SupervisorRecord,
  statePath,
  supervisorLogPath,
  supervisorPath,
} from './job-folder.ts';
import { lastWords } from './log-tail.ts';
import { bootId, killMarked, processStart } from './processes.ts';
import { endUnreadable, isStopAsked, NOBODY, readJob, readState, readSupervisor } from './records.ts';

/** How long a supervisor that was started may take to say so, on a machine under load; *ours*. */
const SUPERVISOR_START_MS = 60_000;

/**
 * The job as it is now; null if its folder holds none. A job whose supervisor is gone without having brought it to an end is brought to
 * an end here: what is left of it is killed, and only then is it reported as `failed` (or `stopped`, where that was asked for).
 */
export async function observe(folder: string): Promise<JobObservation | null> {
  const job = await readJob(folder);
  if (job === null) return null;
  if ('unreadable' in job) return await endUnreadable(folder, job.unreadable);
  const state = await readState(folder);
  if (state !== null && jobHasEnded(state)) return state;

  const supervisor = await readSupervisor(folder);
  if (supervisor === null) {
    if ((await watchedWithoutSupervisor(folder)) < SUPERVISOR_START_MS) return pendingJob(job.request);
    return (await takePlaceOfSupervisor(folder)).pid === null ? await observe(folder) : pendingJob(job.request);
  }
  vacancies.delete(folder);
  if (supervisor.pid !== null && (await processStart(supervisor.pid)) === supervisor.start) {
    return state ?? pendingJob(job.request);
  }
  return await bury(folder, job, supervisor);
}

/**
 * The supervisor of a job; where there is none yet, the caller takes its place as nobody, so that none can start any more.
 */
export async function takePlaceOfSupervisor(folder: string): Promise<SupervisorRecord> {
  const taken = await createExclusive(supervisorPath(folder), JSON.stringify(NOBODY));
  return taken ? NOBODY : ((await readSupervisor(folder)) ?? NOBODY);
}

/** Ends a job whose supervisor is gone. May be done by several at once: all come to the same words. */
async function bury(folder: string, job: LocalJob, supervisor: SupervisorRecord): Promise<JobObservation> {
  await killMarked(JOB_ID, job.id);
  const state = await readState(folder);
  // It had ended by itself between two looks of ours.
  if (state !== null && jobHasEnded(state)) return state;
  const seen = state ?? pendingJob(job.request);
  const asked = await isStopAsked(folder);
  const rebooted = supervisor.pid !== null && !supervisor.start.startsWith(await bootId());
  const why = asked ? 'stopped' : await reasonOfDeath(folder, supervisor, rebooted);
  const ended: JobObservation = {
    ...seen,
    phase: asked ? 'stopped' : 'failed',
    pods: seen.pods.map((pod) => (pod.phase === 'running' ? lostPod(pod, why, rebooted) : pod)),
    message: asked ? null : why,
  };
  await writeFileAtomic(statePath(folder), JSON.stringify(ended));
  return ended;
}

function lostPod(pod: PodState, message: string, rebooted: boolean): PodState {
  const end = rebooted
    ? { exitCode: FAILURES.NodeFailure.exitCode, signal: null }
    : { exitCode: null, signal: 'SIGKILL' };
  return { ...pod, ...end, phase: 'failed', container: 'main', message, finishedAt: new Date().toISOString() };
}

async function reasonOfDeath(folder: string, supervisor: SupervisorRecord, rebooted: boolean): Promise<string> {
  if (rebooted) return 'the machine was started again while the job ran';
  const what =
    supervisor.pid === null
      ? `its supervisor did not start within ${SUPERVISOR_START_MS / 1000} s`
      : `its supervisor (process ${supervisor.pid}) was killed; what it had started was killed after it`;
  const words = await lastWords(supervisorLogPath(folder));
  return words === null ? what : `${what}: ${words}`;
}

/** Jobs that this process has seen without a supervisor. */
const vacancies = new Map<string, { readonly since: number; readonly lastStart: number }>();

/**
 * For how long this process has seen that a job has no supervisor, in ms; counted anew when one was started. By its own watching, as every
 * other wait: times in files are of a clock that may be set.
 */
async function watchedWithoutSupervisor(folder: string): Promise<number> {
  const log = await stat(supervisorLogPath(folder)).catch(() => null);
  const lastStart = log?.mtimeMs ?? 0;
  const known = vacancies.get(folder);
  if (known?.lastStart === lastStart) return performance.now() - known.since;
  vacancies.set(folder, { since: performance.now(), lastStart });
  return 0;
}
