import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { JobObservation, JobRequest } from '../executor/index.ts';
import { Gpu } from './gpus.ts';

/**
 * What this machine keeps of a job, in `<home>/jobs/<name>/`:
 *
 * - `job.json`: what was asked for; its presence is the job. Created exclusively, never changed
 * - `supervisor.json`: who runs it; created exclusively, so that a job has one supervisor ever
 * - `stop.json`: it is to stop. Written before anybody is signalled, and kept for ever: a stop that comes before the start still holds
 * - `state.json`: the job as last seen by its supervisor, or by who found the supervisor gone; replaced as a whole
 * - `supervisor.log`: what the supervisor printed; empty unless it broke. Its time is when a supervisor was last started
 * - `report.*.json`: what Node programs are doing, while a diagnosis is taken
 *
 * Beside it, `<home>/spares/<id>.log` is what a supervisor prints that still waits for its job; with the job it becomes `supervisor.log`.
 */
export const jobsFolder = (home: string): string => join(home, 'jobs');
export const jobFolder = (home: string, name: string): string => join(jobsFolder(home), name);
export const homeOf = (folder: string): string => dirname(dirname(folder));
export const jobPath = (folder: string): string => join(folder, 'job.json');
export const supervisorPath = (folder: string): string => join(folder, 'supervisor.json');
export const stopPath = (folder: string): string => join(folder, 'stop.json');
export const statePath = (folder: string): string => join(folder, 'state.json');
export const supervisorLogPath = (folder: string): string => join(folder, 'supervisor.log');
export const standbyFolder = (home: string): string => join(home, 'spares');
export const standbyLogPath = (home: string, id: string): string => join(standbyFolder(home), `${id}.log`);

/** A request, as far as those rely on it who end jobs and tell of them; the rest is as it was written. */
const Request = z.looseObject({
  ...{ name: z.string(), campaign: z.string(), stage: z.string(), key: z.string(), ownerRun: z.string() },
  ...{ attempt: z.int().min(0), parts: z.int().min(1), parallelism: z.int().min(1), gang: z.boolean() },
  ...{ resources: z.looseObject({ cpus: z.number(), gpus: z.number() }), main: z.looseObject({}) },
  ...{ excludedNodes: z.array(z.string()), env: z.record(z.string(), z.string()), graceSeconds: z.number().min(0) },
}) as unknown as z.ZodType<JobRequest>;

/** `job.json` */
export const LocalJob = z.object({
  /** Every process of the job carries it in its environment ({@link JOB_ID}), so that none is ever lost. */
  id: z.uuid(),
  request: Request,
  projectRoot: z.string(),
  store: z.string(),
  /** Interpreters of `Program.runtime`. */
  node: z.string(),
  python: z.string(),
  /** How long a policy server may take to become ready. */
  policyStartSeconds: z.number().positive(),
  /** What the machine had when the job was submitted. */
  gpus: z.array(Gpu).default([]),
  submittedAt: z.iso.datetime(),
});
export type LocalJob = z.infer<typeof LocalJob>;

/** `supervisor.json`. `start` tells the process from a later one of the same pid; a null `pid`: nobody, and nobody ever will. */
export const SupervisorRecord = z.object({ pid: z.int().nullable(), start: z.string() });
export type SupervisorRecord = z.infer<typeof SupervisorRecord>;

/** `state.json` */
export const JobState: z.ZodType<JobObservation> = z.object({
  name: z.string(),
  phase: z.enum(['pending', 'running', 'succeeded', 'failed', 'stopped']),
  pods: z.array(
    z.object({
      part: z.int().min(0),
      phase: z.enum(['pending', 'running', 'succeeded', 'failed']),
      exitCode: z.int().nullable(),
      signal: z.string().nullable(),
      container: z.enum(['main', 'policy-server']).nullable(),
      ...{ message: z.string().nullable(), node: z.string().nullable() },
      ...{ startedAt: z.string().nullable(), finishedAt: z.string().nullable() },
    }),
  ),
  message: z.string().nullable(),
});

/** In place of the folder of a job: the supervisor waits for it on stdin (standby.ts). */
export const STANDBY_FLAG = '--spare';

/**
 * Environment variables that mark the processes of a job: its name for people, its id for us, and where its record lies. A supervisor that
 * was started before its job has no name.
 */
export const JOB_NAME = 'ORRERY_JOB';
export const JOB_ID = 'ORRERY_JOB_ID';
export const JOB_HOME = 'ORRERY_JOB_HOME';

export const marksOf = (home: string, { id, request }: Pick<LocalJob, 'id' | 'request'>): Record<string, string> => ({
  [JOB_NAME]: request.name,
  [JOB_ID]: id,
  [JOB_HOME]: home,
});

export const newJobId = (): string => randomUUID();

/** A job of which nothing has started. */
export function pendingJob({ name, parts }: JobRequest): JobObservation {
  const pod = { phase: 'pending', exitCode: null, signal: null, container: null, message: null, node: null } as const;
  const pods = Array.from({ length: parts }, (_, part) => ({ part, ...pod, startedAt: null, finishedAt: null }));
  return { name, phase: 'pending', pods, message: null };
}
