import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError, EXIT } from '../config/command-errors.ts';
import { inOrrery, inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import { isAlive, readPidFile, readPidFileNote, stopProcess, writePidFile } from './processes.ts';

/**
 * The worker as a process that outlives the process that started it. A project has one worker: a second start finds the
 * first.
 */
export interface WorkerProcess {
  /** Whether this call started it. */
  readonly started: boolean;
  readonly logFile: string;
}

const PID_FILE = inOrrery('worker.pid');
const LOG_FILE = inOrrery('logs', 'worker.log');
const READY = 'worker started';
/** The worker bundles the workflows first, which takes 5 s on a laptop. */
const START_TIMEOUT_MS = 90_000;
const STOP_GRACE_MS = 15_000;

/** Executor and environment of a worker. */
export interface WorkerPurpose {
  /**
   * Where it runs the stages; the default is `local`. A second worker with another executor would take campaigns of the
   * first.
   */
  readonly executor?: 'local' | 'kubernetes';
  /** Additional environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly pidFile?: string;
}

/** The server, namespace and queue that a worker serves. */
export interface Place {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
}

/**
 * Starts the worker for a Temporal, a namespace and a task queue, or finds the one that runs.
 * @throws CommandError 69 when it does not start (with the end of its log), or when the running one serves another
 *   place or executor
 */
export async function ensureWorker(place: Place, purpose: WorkerPurpose = {}): Promise<WorkerProcess> {
  const { executor = 'local', env = {}, pidFile = PID_FILE } = purpose;
  const { address, namespace, taskQueue } = place;
  const where = `${address}, namespace ${namespace}, task queue ${taskQueue}`;
  const served = executor === 'local' ? where : `${where} on ${executor}`;
  if (readPidFile(pidFile, 'worker.ts') !== null) {
    refuseOther(readPidFileNote(pidFile), served);
    return { started: false, logFile: LOG_FILE };
  }

  mkdirSync(dirname(LOG_FILE), { recursive: true });
  const log = openSync(LOG_FILE, 'w');
  const child = spawn(process.execPath, [inProject('worker.ts')], {
    cwd: PROJECT,
    detached: true,
    stdio: ['ignore', log, log],
    // Stages use the Python that the setup has installed, whatever the shell says.
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      ORRERY_TASK_QUEUE: taskQueue,
      ORRERY_PYTHON: VENV_PYTHON,
      ORRERY_EXECUTOR: executor,
      ...env,
    },
  });
  closeSync(log);
  child.unref();
  writePidFile(pidFile, child.pid, served);
  await untilReady(child.pid);
  return { started: true, logFile: LOG_FILE };
}

/** Stops the worker that a demo started. @returns whether there was one */
export async function stopWorker(pidFile = PID_FILE): Promise<boolean> {
  const pid = readPidFile(pidFile, 'worker.ts');
  if (pid === null) return false;
  await stopProcess(pid, STOP_GRACE_MS);
  rmSync(pidFile, { force: true });
  return true;
}

/** A worker of another Temporal server would never receive our campaign. */
function refuseOther(served: string, wanted: string): void {
  if (served === wanted) return;
  throw new CommandError(
    EXIT.unavailable,
    `a worker of this project runs already, for the Temporal at ${served || 'another address'}, not ${wanted}`,
    'stop it with `npm run down`, then run the same command again',
  );
}

async function untilReady(pid: number | undefined): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (isAlive(pid) && Date.now() < deadline) {
    if (readFileSync(LOG_FILE, 'utf8').includes(READY)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const said = readFileSync(LOG_FILE, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
  throw new CommandError(EXIT.unavailable, `the worker did not start:\n${said}`, `the whole log is ${LOG_FILE}`);
}
