import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { JobObservation, JobRequest } from '../executor/index.ts';
import { Gpu } from './gpus.ts';

/**
 * The records of a job on this machine, in `<home>/jobs/<name>/`:
 *
 * - `job.json`: the request. The job exists if this file exists. Created exclusively, never changed
 * - `supervisor.json`: the process that runs the job. Created exclusively, so that a job never has two supervisors
 * - `stop.json`: the request to stop. Written before any signal, and kept for ever, so that a stop before the start is
 *   effective
 * - `state.json`: the last state of the job, by its supervisor or by the process that found the supervisor dead;
 *   replaced as a whole
 * - `supervisor.log`: output of the supervisor; empty unless it failed. Its time is the last start of a supervisor
 * - `report.*.json`: reports of Node programs during a diagnosis
 *
 * `<home>/spares/<id>.log` is the output of a standby supervisor. It becomes `supervisor.log` when the supervisor gets
 * a job.
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

/** A request. Only the fields that are needed to end and list jobs are checked; the rest stays as written. */
const Request = z.looseObject({
  name: z.string(),
  campaign: z.string(),
  stage: z.string(),
  key: z.string(),
  ownerRun: z.string(),
  attempt: z.int().min(0),
  parts: z.int().min(1),
  parallelism: z.int().min(1),
  gang: z.boolean(),
  resources: z.looseObject({ cpus: z.number(), gpus: z.number() }),
  main: z.looseObject({}),
  excludedNodes: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  graceSeconds: z.number().min(0),
}) as unknown as z.ZodType<JobRequest>;

/** `job.json` */
export const LocalJob = z.object({
  /** Every process of the job has it in its environment ({@link JOB_ID}), so that all can be found. */
  id: z.uuid(),
  request: Request,
  projectRoot: z.string(),
  store: z.string(),
  /** Interpreters of `Program.runtime`. */
  node: z.string(),
  python: z.string(),
  /** How long a policy server may take to become ready. */
  policyStartSeconds: z.number().positive(),
  /** The GPUs of the machine when the job was submitted. */
  gpus: z.array(Gpu).default([]),
  submittedAt: z.iso.datetime(),
});
export type LocalJob = z.infer<typeof LocalJob>;

/**
 * `supervisor.json`. `start` distinguishes the process from a later one of the same pid. A null `pid` means that the
 * job has no supervisor and never will.
 */
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
      message: z.string().nullable(),
      node: z.string().nullable(),
      startedAt: z.string().nullable(),
      finishedAt: z.string().nullable(),
    }),
  ),
  message: z.string().nullable(),
});

/** Argument in place of the job folder: the supervisor reads the folder from stdin (standby.ts). */
export const STANDBY_FLAG = '--spare';

/**
 * Environment variables that mark the processes of a job: its name for people, its id for orrery, and the folder of its
 * record. A standby supervisor has no name.
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

/** The state of a job that has not started. */
export function pendingJob({ name, parts }: JobRequest): JobObservation {
  const pod = { phase: 'pending', exitCode: null, signal: null, container: null, message: null, node: null } as const;
  const pods = Array.from({ length: parts }, (_, part) => ({ part, ...pod, startedAt: null, finishedAt: null }));
  return { name, phase: 'pending', pods, message: null };
}
