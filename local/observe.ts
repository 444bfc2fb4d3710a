import { stat } from 'node:fs/promises';
import { type JobObservation, jobHasEnded, type PodState } from '../executor/index.ts';
import { FAILURES } from '../spec/failure-table.ts';
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
import { lastMessageInLog } from './log-tail.ts';
import { bootId, killMarked, processStart } from './processes.ts';
import { endUnreadable, isStopAsked, NO_SUPERVISOR, readJob, readState, readSupervisor } from './records.ts';

/** Time limit for a started supervisor to create its record, on a loaded machine; *ours*. */
const SUPERVISOR_START_MS = 60_000;

/**
 * The current state of the job; null if the folder has none. If the supervisor died before the job ended, this ends the
 * job: it kills the rest, and only then reports `failed` (or `stopped`, if a stop was requested).
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
  withoutSupervisor.delete(folder);
  if (supervisor.pid !== null && (await processStart(supervisor.pid)) === supervisor.start) {
    return state ?? pendingJob(job.request);
  }
  return await endOrphanedJob(folder, job, supervisor);
}

/**
 * The supervisor of a job. If there is none yet, the caller takes its place with {@link NO_SUPERVISOR}, so that none
 * can start any more.
 */
export async function takePlaceOfSupervisor(folder: string): Promise<SupervisorRecord> {
  const taken = await createExclusive(supervisorPath(folder), JSON.stringify(NO_SUPERVISOR));
  return taken ? NO_SUPERVISOR : ((await readSupervisor(folder)) ?? NO_SUPERVISOR);
}

/** Ends a job whose supervisor is gone. Several processes may do so at once, with the same result. */
async function endOrphanedJob(folder: string, job: LocalJob, supervisor: SupervisorRecord): Promise<JobObservation> {
  await killMarked(JOB_ID, job.id);
  const state = await readState(folder);
  // The job had ended by itself between two observations.
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
  if (rebooted) return 'the machine was restarted while the job ran';
  const what =
    supervisor.pid === null
      ? `its supervisor did not start within ${SUPERVISOR_START_MS / 1000} s`
      : `its supervisor (process ${supervisor.pid}) was killed; the processes that it had started were killed too`;
  const message = await lastMessageInLog(supervisorLogPath(folder));
  return message === null ? what : `${what}: ${message}`;
}

/** Jobs without a supervisor, as observed by this process. */
const withoutSupervisor = new Map<string, { readonly since: number; readonly lastStart: number }>();

/**
 * How long this process has seen the job without a supervisor, in ms; restarts when a supervisor is started. Measured
 * by this process, because file times follow a clock that may be set.
 */
async function watchedWithoutSupervisor(folder: string): Promise<number> {
  const log = await stat(supervisorLogPath(folder)).catch(() => null);
  const lastStart = log?.mtimeMs ?? 0;
  const known = withoutSupervisor.get(folder);
  if (known?.lastStart === lastStart) return performance.now() - known.since;
  withoutSupervisor.set(folder, { since: performance.now(), lastStart });
  return 0;
}
