import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, futimesSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withoutTemporal } from './environment.ts';
import { JOB_HOME, JOB_ID, type LocalJob, marksOf, STANDBY_FLAG, supervisorLogPath } from './job-folder.ts';
import type { Log } from './log.ts';
import { readJobOrEnd, readSupervisor } from './records.ts';
import { keepStandby, type Standby, type StandbySupervisor } from './standby.ts';

const SUPERVISOR = fileURLToPath(new URL('./supervisor.ts', import.meta.url));

export interface SupervisorsOptions {
  readonly home: string;
  /** Working folder of supervisors, and so of programs. */
  readonly projectRoot: string;
  /** Interpreter of the supervisor. */
  readonly node: string;
  /** Number of standby supervisors. */
  readonly standby: number;
  readonly log: Log;
}

/** Starts the processes that supervise jobs. They outlive this worker. */
export class Supervisors implements Disposable {
  readonly #options: SupervisorsOptions;
  readonly standby: Standby;

  constructor(options: SupervisorsOptions) {
    this.#options = options;
    const { home, standby } = options;
    this.standby = keepStandby({
      home,
      count: standby,
      start: (id, output) => this.#spawn(STANDBY_FLAG, { [JOB_ID]: id, [JOB_HOME]: home }, output),
    });
  }

  /**
   * Assigns a supervisor to a job.
   * @param waiting - one of {@link standby} with the id of the job; null: starts one unless the job has one
   */
  async assign(folder: string, job: LocalJob, waiting: StandbySupervisor | null): Promise<void> {
    const onEnd = (): void => {
      this.#replace(folder, job).catch((err: unknown) => {
        this.#options.log.warn({ job: job.request.name, err }, 'supervisor could not be replaced');
      });
    };
    const isTaken = waiting !== null && (await waiting.take(folder, onEnd));
    if (!isTaken) await this.#startUnlessThere(folder, job);
  }

  /** Ends the standby supervisors; jobs continue. */
  [Symbol.dispose](): void {
    this.standby[Symbol.dispose]();
  }

  /**
   * Replaces a standby supervisor that ended without a record, because it never started its job. A job that was stopped
   * meanwhile has no record of its own.
   */
  async #replace(folder: string, job: LocalJob): Promise<void> {
    if ((await readJobOrEnd(folder))?.id === job.id) await this.#startUnlessThere(folder, job);
  }

  /** Starts a supervisor unless there is one. Of two supervisors of a job, the second ends at once. */
  async #startUnlessThere(folder: string, job: LocalJob): Promise<void> {
    if ((await readSupervisor(folder)) === null) this.#start(folder, job);
  }

  #start(folder: string, job: LocalJob): void {
    const { home, log } = this.#options;
    const output = openSync(supervisorLogPath(folder), 'a');
    futimesSync(output, new Date(), new Date()); // restarts the wait for a supervisor
    const child = this.#spawn(folder, marksOf(home, job), output);
    child.once('error', (err) => log.warn({ job: job.request.name, err }, 'supervisor could not be started'));
    child.unref();
    closeSync(output);
  }

  #spawn(folder: string, marks: Record<string, string>, output: number): ChildProcess {
    const { home, projectRoot, node } = this.#options;
    return spawn(node, [SUPERVISOR, folder], {
      cwd: projectRoot,
      env: {
        // Caches compiled TypeScript, which halves the start time of supervisors and stage programs.
        NODE_COMPILE_CACHE: join(home, 'node-cache'),
        ...withoutTemporal(process.env),
        ...marks,
      },
      // In its own session, so that neither the end of the worker nor Ctrl-C at its terminal reaches it.
      detached: true,
      stdio: [folder === STANDBY_FLAG ? 'pipe' : 'ignore', output, output],
    });
  }
}
