import { resolve } from 'node:path';
import type { Executor } from '../executor/index.ts';
import { localRefusal } from './capacity.ts';
import { diagnose } from './diagnosis/diagnose.ts';
import { type Gpu, machineGpus } from './gpus.ts';
import { jobFolder } from './job-folder.ts';
import { listJobs, logsOf, watchJob } from './jobs.ts';
import type { Log } from './log.ts';
import { observe } from './observe.ts';
import { localOutcome } from './outcome.ts';
import { removeJobRecord, suspendJob } from './stop.ts';
import { submitJob } from './submit.ts';
import { Supervisors } from './supervisors.ts';

export interface LocalExecutorOptions {
  /** Folder of the job records of this machine. Workers with the same folder adopt the jobs of each other. */
  readonly home: string;
  /** Folder that programs start in. */
  readonly projectRoot: string;
  readonly store: string;
  /** Interpreter of `Program.runtime` python. */
  readonly python: string;
  /** Interpreter of `Program.runtime` node, and of the supervisor; by default that of this process. */
  readonly node?: string;
  /** How long a policy server may take to become ready. */
  readonly policyStartSeconds?: number;
  /** GPUs for jobs; by default those of this machine. */
  readonly gpus?: readonly Gpu[];
  /** Number of standby supervisors (standby.ts); by default none. */
  readonly standby?: number;
  readonly log: Log;
}

/** Time limit for loading a model on a machine that can run it; *ours*. */
const POLICY_START_SECONDS = 180;

/**
 * The executor for this machine. Each job has its own supervisor process, which outlives the worker. Any worker with
 * the same home adopts the job by its name. All facts about a job are in its folder (job-folder.ts).
 *
 * When a supervisor is killed, its pods continue, and finished parts are kept. The next observer of the job ends its
 * processes, at the latest the reconciler of the next worker (observe.ts).
 */
export function createLocalExecutor(options: LocalExecutorOptions): Executor & Disposable {
  const { log, python, policyStartSeconds = POLICY_START_SECONDS, node = process.execPath } = options;
  const home = resolve(options.home);
  const projectRoot = resolve(options.projectRoot);
  const supervisors = new Supervisors({ home, projectRoot, node, standby: options.standby ?? 0, log });
  const machine = () => ({
    projectRoot,
    store: resolve(options.store),
    node,
    python,
    policyStartSeconds,
    gpus: [...(options.gpus ?? machineGpus())],
  });
  const folderOf = (name: string): string => jobFolder(home, name);
  return {
    submit: async (request) => await submitJob({ home, machine, supervisors, log }, request),
    observe: async (name) => await observe(folderOf(name)),
    watch: (name, signal) => watchJob(folderOf(name), signal),
    suspend: async (name) => await suspendJob(folderOf(name), log),
    async stop(name) {
      await suspendJob(folderOf(name), log);
      await removeJobRecord(folderOf(name));
    },
    logs: async (name, limits) => await logsOf(folderOf(name), limits),
    diagnose: async (name) => await diagnose(folderOf(name)),
    list: async () => await listJobs(home, log),
    outcome: localOutcome,
    refuse: localRefusal,
    // A job itself waits for its GPUs (leases.ts).
    capacity: async () => null,
    [Symbol.dispose]: () => supervisors[Symbol.dispose](),
  };
}
