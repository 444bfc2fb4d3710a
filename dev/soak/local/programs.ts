import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Program } from '../target.ts';
import type { Process } from './proc.ts';

/** Mark of every process of one soak: workers are started with it, and what they start inherits it. */
export const SOAK_MARK = 'ORRERY_SOAK';
/** Mark of a program that the soak itself has started out of an attempt that was given up. */
export const ZOMBIE_MARK = 'ORRERY_SOAK_ZOMBIE';

/** What the environment of a process of an execution says (docs/architecture.md, pod contract). */
export interface Execution {
  readonly role: 'main' | 'policy-server' | 'other';
  readonly job: string;
  readonly campaign: string | null;
  readonly key: string;
  readonly attempt: number;
  readonly part: number;
}

/** The execution that a process belongs to; null for supervisors, workers and whatever else has no attempt. Pure. */
export function executionOf({ pid, group, environment }: Process): Execution | null {
  const {
    ORRERY_ATTEMPT: attempt,
    ORRERY_STAGE_FILE: stageFile,
    JOB_COMPLETION_INDEX: shard,
    RANK: rank,
  } = environment;
  if (attempt === undefined || stageFile === undefined) return null;
  // A container's own process leads its group; what it has started itself does not.
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

/** Programs and supervisors among the processes; others (helpers of programs, workers) are left out. */
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

/** A supervisor is told its job's folder, in which stands what was asked for. One that waits for a job is none yet. */
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

/** One that was started before its job has that job's id in its environment, and no more. */
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
