import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError, EXIT } from '../cli/errors.ts';
import { inOrrery, inProject, PROJECT } from '../cli/paths.ts';
import { isAlive, readPidFile, stopProcess, writePidFile } from './processes.ts';

/** The worker as a process of its own, which outlives who started it. One a project: a second start finds the first. */
export interface WorkerProcess {
  /** Whether this call started it. */
  readonly started: boolean;
  readonly logFile: string;
  stop(): Promise<void>;
}

const PID_FILE = inOrrery('worker.pid');
const LOG_FILE = inOrrery('logs', 'worker.log');
const READY = 'worker started';
/** It bundles the workflows first: 5 s on a laptop. */
const START_TIMEOUT_MS = 90_000;
const STOP_GRACE_MS = 15_000;

/**
 * Starts the worker against the Temporal at `address`, or finds the one that runs.
 * @throws CommandError 69 with the end of its log when it does not come up
 */
export async function ensureWorker(address: string): Promise<WorkerProcess> {
  const stop = async (): Promise<void> => {
    const pid = readPidFile(PID_FILE, 'worker.ts');
    if (pid !== null) await stopProcess(pid, STOP_GRACE_MS);
  };
  if (readPidFile(PID_FILE, 'worker.ts') !== null) return { started: false, logFile: LOG_FILE, stop };

  mkdirSync(dirname(LOG_FILE), { recursive: true });
  const log = openSync(LOG_FILE, 'w');
  const child = spawn(process.execPath, [inProject('worker.ts')], {
    cwd: PROJECT,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, TEMPORAL_ADDRESS: address },
  });
  closeSync(log);
  child.unref();
  writePidFile(PID_FILE, child.pid);
  await untilReady(child.pid);
  return { started: true, logFile: LOG_FILE, stop };
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
