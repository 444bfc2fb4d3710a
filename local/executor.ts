import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, futimesSync, openSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type Executor,
  type JobObservation,
  type JobRequest,
  type JobSummary,
  jobHasEnded,
} from '../executor/index.ts';
import { createExclusive, isMissing, logPath, stageDir } from '../store/index.ts';
import { localRefusal } from './capacity.ts';
import { diagnose } from './diagnosis/diagnose.ts';
import { withoutTemporal } from './environment.ts';
import { type Gpu, machineGpus } from './gpus.ts';
import {
  JOB_HOME,
  JOB_ID,
  jobFolder,
  jobPath,
  jobsFolder,
  type LocalJob,
  marksOf,
  newJobId,
  SPARE_FLAG,
  stopPath,
  supervisorLogPath,
} from './job-folder.ts';
import { tail } from './log-tail.ts';
import { observe, takePlaceOfSupervisor } from './observe.ts';
import { localOutcome } from './outcome.ts';
import { findMarked, killMarked, sendSignal } from './processes.ts';
import { readJob, readJobOrEnd, readSupervisor } from './records.ts';
import { brokenExclusion } from './slots.ts';
import { keepSpares } from './spares.ts';
import { watchFolder } from './watch-folder.ts';

export interface LocalExecutorOptions {
  /** Folder for what this machine keeps of its jobs; one for all workers that are to adopt each other's. */
  readonly home: string;
  /** Folder that programs start in. */
  readonly projectRoot: string;
  readonly store: string;
  /** Interpreter of `Program.runtime` python. */
  readonly python: string;
  /** Interpreter of `Program.runtime` node, and of the supervisor: this process's own when not given. */
  readonly node?: string;
  /** How long a policy server may take to become ready. */
  readonly policyStartSeconds?: number;
  /** GPUs that jobs may be put on: those of this machine when not given. */
  readonly gpus?: readonly Gpu[];
  /** Supervisors kept waiting for a job (spares.ts); none when not given. */
  readonly spares?: number;
  readonly log: Log;
}

/** What is used of a pino logger. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** Loading a model of any size takes less than this on a machine that can run it; *ours*. */
const POLICY_START_SECONDS = 180;
/** Job folders read at the same time. */
const LISTED_AT_ONCE = 16;
/** A change that the file system did not tell of is found by looking; so is the death of a supervisor. */
const LOOK_EVERY_MS = 500;
/** What a supervisor may need beyond the grace of its job to bring it to an end, before it is ended itself. */
const BEYOND_GRACE_MS = 30_000;

const SUPERVISOR = fileURLToPath(new URL('./supervisor.ts', import.meta.url));

/**
 * The executor for this machine. Each job has a supervisor process of its own, detached from the worker: it outlives it, and any worker
 * with the same home adopts the job by its name. All that is known of a job lies in its folder, see job-folder.ts.
 *
 * A supervisor that is killed leaves its pods running: what they finish is kept, and who next looks at the job, at the latest the
 * reconciler of the next worker, ends what is left of it (observe.ts).
 */
export function createLocalExecutor(options: LocalExecutorOptions): Executor & Disposable {
  const home = resolve(options.home);
  const { log } = options;
  const node = options.node ?? process.execPath;
  const projectRoot = resolve(options.projectRoot);
  const spares = keepSpares({
    ...{ home, count: options.spares ?? 0 },
    start: (id, log) => spawnSupervisor(SPARE_FLAG, { [JOB_ID]: id, [JOB_HOME]: home }, log),
  });

  async function submit(request: JobRequest): Promise<void> {
    const folder = jobFolder(home, request.name);
    const spare = spares.next();
    const job: LocalJob = {
      ...{ id: spare?.id ?? newJobId(), request, projectRoot, store: resolve(options.store) },
      ...{ node, python: options.python, policyStartSeconds: options.policyStartSeconds ?? POLICY_START_SECONDS },
      ...{ gpus: [...(options.gpus ?? machineGpus())], submittedAt: new Date().toISOString() },
    };
    const isNew = await createExclusive(jobPath(folder), JSON.stringify(job)).catch((error: unknown) => {
      spare?.letGo(); // its id may be on disk: no other job is to have it
      throw error;
    });
    if (!isNew && spare !== null) spares.giveBack(spare);
    const standing = isNew ? job : await readJobOrEnd(folder);
    if (standing === null) return await submit(request); // a stop of the same name removed it in between
    // Also when it stood already: who created it may have died before this line. Of two supervisors the second leaves at once.
    const startUnlessThere = async (): Promise<void> => {
      if ((await readSupervisor(folder)) === null) startSupervisor(folder, standing);
    };
    /** Every supervisor ends; one that has left no record never began. A job that was stopped since has no record of its own. */
    const onSpareEnd = async (): Promise<void> => {
      if ((await readJobOrEnd(folder))?.id === standing.id) await startUnlessThere();
    };
    const untold = (err: unknown): void => log.warn({ job: request.name, err }, 'supervisor could not be replaced');
    const isTaken = isNew && spare !== null && (await spare.take(folder, () => onSpareEnd().catch(untold)));
    if (!isTaken) await startUnlessThere();
    log.info({ job: request.name }, isNew ? 'job submitted' : 'job adopted');
    if (isNew) tellBrokenExclusion(job);
  }

  function tellBrokenExclusion({ request, gpus }: LocalJob): void {
    const { name, excludedNodes, resources, parts, gang } = request;
    const words = brokenExclusion(gpus, resources.gpus * (gang ? parts : 1), excludedNodes, hostname());
    if (words !== null) log.warn({ job: name, excludedNodes }, `exclusion is not kept: ${words}`);
  }

  function startSupervisor(folder: string, job: LocalJob): void {
    const output = openSync(supervisorLogPath(folder), 'a');
    futimesSync(output, new Date(), new Date()); // who waits for a supervisor waits anew
    const child = spawnSupervisor(folder, marksOf(home, job), output);
    child.once('error', (err) => log.warn({ job: job.request.name, err }, 'supervisor could not be started'));
    child.unref();
    closeSync(output);
  }

  function spawnSupervisor(folder: string, marks: Record<string, string>, output: number): ChildProcess {
    return spawn(node, [SUPERVISOR, folder], {
      cwd: projectRoot,
      env: {
        // Compiled TypeScript is kept: it halves the start of a supervisor, and of the stage programs after it.
        NODE_COMPILE_CACHE: join(home, 'node-cache'),
        ...withoutTemporal(process.env),
        ...marks,
      },
      // A session of its own: neither the end of the worker nor Ctrl-C at its terminal reaches it.
      detached: true,
      stdio: [folder === SPARE_FLAG ? 'pipe' : 'ignore', output, output],
    });
  }

  async function* watch(name: string, signal: AbortSignal): AsyncIterable<JobObservation> {
    const folder = jobFolder(home, name);
    using changes = watchFolder(folder);
    let told = '';
    while (!signal.aborted) {
      const changed = changes.next(LOOK_EVERY_MS, signal);
      const job = await observe(folder);
      if (job === null) return;
      const telling = JSON.stringify(job);
      if (telling !== told) yield job;
      told = telling;
      if (jobHasEnded(job)) return;
      await changed;
    }
  }

  async function suspend(name: string): Promise<void> {
    const folder = jobFolder(home, name);
    await createExclusive(stopPath(folder), JSON.stringify({ askedAt: new Date().toISOString() }));
    const job = await readJobOrEnd(folder);
    if (job === null) return;
    const supervisor = await takePlaceOfSupervisor(folder);
    const deadline = performance.now() + job.request.graceSeconds * 1000 + BEYOND_GRACE_MS;
    let signalled = false;
    for (;;) {
      const seen = await observe(folder);
      if (seen === null || jobHasEnded(seen)) break;
      if (supervisor.pid !== null && (!signalled || performance.now() > deadline)) {
        sendSignal(supervisor.pid, signalled ? 'SIGKILL' : 'SIGTERM');
        signalled = true;
      }
      await sleep(20);
    }
    // The supervisor ends right after its last word; whatever else is left is ended here.
    for (let looks = 0; looks < 50 && (await findMarked(JOB_ID, job.id)).length > 0; looks += 1) await sleep(20);
    await killMarked(JOB_ID, job.id);
    log.info({ job: name }, 'job suspended');
  }

  async function stop(name: string): Promise<void> {
    await suspend(name);
    const folder = jobFolder(home, name);
    // The record goes first, and the word that it is to stop never: a start that comes late still finds it.
    await rm(jobPath(folder), { force: true });
    for (const entry of await readdir(folder)) {
      if (entry !== basename(stopPath(folder))) await rm(join(folder, entry), { force: true });
    }
  }

  async function logs(name: string, limits: { maxLines: number; maxBytes: number }): Promise<string> {
    const folder = jobFolder(home, name);
    const [job, seen] = [await readJobOrEnd(folder), await observe(folder)];
    if (job === null || seen === null) return '';
    const { request, store } = job;
    const failed = seen.pods.filter(({ phase }) => phase === 'failed');
    const sections: string[] = [];
    for (const { part } of failed.length > 0 ? failed : seen.pods) {
      for (const container of ['policy-server', 'main'] as const) {
        const lines = await tail(logPath(stageDir(store, request.key), request.attempt, part, container), limits);
        if (lines.length > 0) sections.push(`== part ${part}, ${container}\n${lines.join('\n')}\n`);
      }
    }
    return sections.join('\n');
  }

  async function list(): Promise<JobSummary[]> {
    const names = await readdir(jobsFolder(home)).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    const jobs: JobSummary[] = [];
    for (let from = 0; from < names.length; from += LISTED_AT_ONCE) {
      const found = await Promise.all(names.slice(from, from + LISTED_AT_ONCE).map(summaryOf));
      jobs.push(...found.filter((job) => job !== null));
    }
    return jobs;
  }

  /** Null where there is no record, or none that can be read: that one is told, and the others are listed all the same. */
  async function summaryOf(folderName: string): Promise<JobSummary | null> {
    const folder = jobFolder(home, folderName);
    try {
      const job = await readJob(folder);
      if (job !== null && 'unreadable' in job) throw new Error(job.unreadable); // a list ends no job
      const seen = await observe(folder);
      if (job === null || seen === null) return null;
      const { name, campaign, stage, key, attempt, ownerRun } = job.request;
      return { name, campaign, stage, key, attempt, ownerRun, phase: seen.phase, submittedAt: job.submittedAt };
    } catch (error) {
      log.warn({ job: folderName, err: error }, 'record of a job cannot be read');
      return null;
    }
  }

  return {
    ...{ submit, watch, suspend, stop, logs, list },
    observe: (name) => observe(jobFolder(home, name)),
    diagnose: (name) => diagnose(jobFolder(home, name)),
    ...{ outcome: localOutcome, refuse: localRefusal },
    // Each job waits for what it needs of the machine (slots.ts).
    capacity: async () => null,
    /** Lets the spares go; jobs run on. */
    [Symbol.dispose]: () => spares[Symbol.dispose](),
  };
}
