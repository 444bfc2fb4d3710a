import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import getPort from 'get-port';
import { ensureTemporal } from '../../dev/temporal-server.ts';
import { JOB_ID } from '../../local/job-folder.ts';
import { isFree } from '../../local/ports.ts';
import { findMarked } from '../../local/processes.ts';

const WORKER = fileURLToPath(new URL('./toy-worker.ts', import.meta.url));

/**
 * A whole installation in which a test may kill every process: a Temporal server that keeps its database, workers as
 * processes, jobs with their supervisors. It runs toy stage programs (tests/support/toy).
 */
export interface Machine {
  readonly store: string;
  readonly home: string;
  readonly address: string;
  readonly client: () => Client;
  startWorker(env?: NodeJS.ProcessEnv): Promise<ChildProcess>;
  startTemporal(): Promise<void>;
  /** `kill -9` of Temporal. */
  killTemporal(): Promise<void>;
  /** `kill -9` of every process of every job: supervisors, programs, policy servers. */
  killJobs(): Promise<void>;
  /** Pids of all processes of jobs. */
  jobProcesses(): Promise<number[]>;
  close(): Promise<void>;
}

export async function openMachine(): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-machine-'));
  const [store, home] = [join(folder, 'store'), join(folder, 'local')];
  const [port, uiPort] = [await getPort(), await getPort()];
  const pidFile = join(folder, 'temporal.pid');
  const address = `localhost:${port}`;
  const workers: ChildProcess[] = [];
  let connection: Connection | null = null;

  const machine: Machine = {
    store,
    home,
    address,
    client: () => new Client({ connection: connection as Connection }),
    async startTemporal() {
      const database = join(folder, 'temporal.db');
      await ensureTemporal({ port, uiPort, database, logFile: join(folder, 'temporal.log'), pidFile, detached: false });
      await connection?.close();
      connection = await Connection.connect({ address });
    },
    async killTemporal() {
      process.kill(Number(readFileSync(pidFile, 'utf8').split('\n')[0]), 'SIGKILL');
      rmSync(pidFile);
      await until('Temporal is gone', () => isFree(port));
    },
    async startWorker(env = {}) {
      const worker = spawn(process.execPath, [WORKER, address, store, home], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...env },
      });
      workers.push(worker);
      // The worker prints a line when it polls. One that dies earlier is fine too.
      await Promise.race([once(worker.stdout, 'data'), once(worker, 'exit')]);
      return worker;
    },
    async killJobs() {
      for (const pid of await machine.jobProcesses()) kill(pid);
      await until('no process of a job is left', async () => (await machine.jobProcesses()).length === 0);
    },
    async jobProcesses() {
      const folder = join(home, 'jobs');
      const jobs = existsSync(folder) ? readdirSync(folder) : [];
      return (await Promise.all(jobs.map((name) => findMarked(JOB_ID, idOf(join(folder, name)))))).flat();
    },
    async close() {
      for (const worker of workers) worker.kill('SIGKILL');
      await machine.killJobs().catch(() => undefined);
      await connection?.close();
      await machine.killTemporal().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await machine.startTemporal();
  return machine;
}

/**
 * Polls until the condition holds. The limit is generous, because machines under load are slow.
 * @throws Error with the name of the condition
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 90_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain: ${what}`);
    await sleep(50);
  }
}

/** Of the job in this folder; `none` where its record is gone, or not yet there. */
function idOf(folder: string): string {
  const record = join(folder, 'job.json');
  return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as { id: string }).id : 'none';
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
