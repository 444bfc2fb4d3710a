import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Program } from '../target.ts';
import type { Process } from './proc.ts';

/** Marks every process of one soak. Workers are started with this variable, and their children inherit it. */
export const SOAK_MARK = 'ORRERY_SOAK';
/** Marks a program that the soak itself started for an attempt that a later one has replaced. */
export const ZOMBIE_MARK = 'ORRERY_SOAK_ZOMBIE';

/** Facts from the environment of a process of an execution (docs/architecture.md, pod contract). */
export interface Execution {
  readonly role: 'main' | 'policy-server' | 'other';
  readonly job: string;
  readonly campaign: string | null;
  readonly key: string;
  readonly attempt: number;
  readonly part: number;
}

/** The execution of a process; null for supervisors, workers and other processes without an attempt. Pure. */
export function executionOf({ pid, group, environment }: Process): Execution | null {
  const {
    ORRERY_ATTEMPT: attempt,
    ORRERY_STAGE_FILE: stageFile,
    JOB_COMPLETION_INDEX: shard,
    RANK: rank,
  } = environment;
  if (attempt === undefined || stageFile === undefined) return null;
  // The main process of a container leads its group. Its children do not.
  const role = pid !== group ? 'other' : environment.ORRERY_POLICY_PORT === undefined ? 'main' : 'policy-server';
  return {
    role,
    job: environment.ORRERY_JOB ?? '',
    campaign: environment.ORRERY_CAMPAIGN ?? null,
    key: basename(dirname(stageFile)),
    attempt: Number(attempt),
    part: Number(rank ?? shard ?? 0),
  };
}

export const idOf = ({ pid, start }: Pick<Process, 'pid' | 'start'>): string => `${pid}:${start}`;

/** Programs and supervisors among the processes. Helpers of programs and workers are left out. */
export async function programsAmong(processes: readonly Process[], store: string): Promise<Program[]> {
  const found = await Promise.all(processes.map((process) => programOf(process, store)));
  return found.filter((program) => program !== null);
}

async function programOf(process: Process, store: string): Promise<Program | null> {
  if (process.environment[ZOMBIE_MARK] !== undefined) return null;
  const execution = executionOf(process);
  if (execution === null) return await supervisorOf(process);
  const { role, campaign, ...rest } = execution;
  if (role === 'other') return null;
  const isTrainer = role === 'main' && process.command.some((word) => word.startsWith('orrery_trainers.'));
  return { ...rest, id: idOf(process), role, campaign, isTrainer, stage: await nameOfStage(store, execution.key) };
}

/**
 * A supervisor has its job's folder as an argument, and the folder has the job request. A standby supervisor has no job
 * yet.
 */
async function supervisorOf(process: Process): Promise<Program | null> {
  const [folder, script] = process.command.toReversed();
  if (folder === undefined || script === undefined || basename(script) !== 'supervisor.ts') return null;
  const job = folder === '--spare' ? await jobOfSpare(process) : await recordIn(folder);
  if (job === null) return null;
  const { name, key, attempt, stage } = job.request;
  const none = { campaign: null, part: 0, isTrainer: false };
  return { ...none, id: idOf(process), role: 'supervisor', job: name, key, attempt, stage };
}

interface JobRecord {
  readonly id: string;
  readonly request: { readonly name: string; readonly key: string; readonly attempt: number; readonly stage: string };
}

async function recordIn(folder: string): Promise<JobRecord | null> {
  const text = await readFile(join(folder, 'job.json'), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as JobRecord);
}

/** A standby supervisor that received a job has only the job's id in its environment. */
async function jobOfSpare({ environment }: Process): Promise<JobRecord | null> {
  const jobs = join(environment.ORRERY_JOB_HOME ?? '', 'jobs');
  const names = await readdir(jobs).catch(() => []);
  const records = await Promise.all(names.map((name) => recordIn(join(jobs, name))));
  return records.find((record) => record !== null && record.id === environment.ORRERY_JOB_ID) ?? null;
}

async function nameOfStage(store: string, key: string): Promise<string | null> {
  const stage = await readFile(join(store, 'stages', key, 'stage.json'), 'utf8').catch(() => null);
  return stage === null ? null : (JSON.parse(stage) as { name: string }).name;
}
