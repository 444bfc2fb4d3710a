import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readPidFile } from '../../processes.ts';
import { ensureTemporal, type TemporalOptions } from '../../temporal-server.ts';
import type { Service } from '../target.ts';

/** Delay before a restart after an unexpected end, as with a service manager. */
const AGAIN_AFTER_MS = 1_000;
/** The worker bundles its workflows first, which takes long beside trainers on two cores. */
const READY_TIMEOUT_MS = 180_000;
/** The log message of a worker that polls. */
export const READY = 'worker started';

export interface WorkerOptions {
  readonly program: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
}

/** A supervised worker. `pid` is that of the current process. */
export interface KeptService extends Service {
  pid(): number | null;
}

/** A worker process that is restarted after every unexpected end. */
export function keepWorker(options: WorkerOptions): KeptService {
  let wanted = false;
  let child: ChildProcess | null = null;
  let logFrom = 0;

  function launch(): void {
    if (!wanted || child !== null) return;
    const started = startWorker(options);
    logFrom = sizeOf(options.logFile);
    child = started;
    started.once('exit', () => {
      if (child === started) child = null;
      if (wanted) setTimeout(launch, AGAIN_AFTER_MS);
    });
  }
  async function end(signal: 'SIGKILL' | 'SIGTERM', timeoutMs: number): Promise<{ end: string; inTime: boolean }> {
    wanted = false;
    const ending = child;
    if (ending === null) return { end: 'nobody there', inTime: true };
    const ended = once(ending, 'exit') as Promise<[number | null, string | null]>;
    ending.kill(signal);
    const first = await Promise.race([ended, sleep(timeoutMs, null, { ref: false })]);
    if (first === null) ending.kill('SIGKILL');
    const [code, by] = await ended;
    return { end: by ?? `exit code ${code}`, inTime: first !== null };
  }
  return {
    pid: () => child?.pid ?? null,
    async kill() {
      await end('SIGKILL', 10_000);
    },
    async drain(timeoutMs) {
      const began = performance.now();
      const ended = await end('SIGTERM', timeoutMs);
      return { ...ended, seconds: (performance.now() - began) / 1000 };
    },
    async start() {
      wanted = true;
      launch();
      await untilReady(() => readFileSync(options.logFile, 'utf8').slice(logFrom));
    },
  };
}

export function startWorker({ program, cwd, env, logFile }: WorkerOptions): ChildProcess {
  const log = openSync(logFile, 'a');
  // Its own process group, so that Ctrl-C at the terminal reaches only the soak.
  const child = spawn(process.execPath, [program], { cwd, env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

/** Waits until a worker polls. @throws Error after {@link READY_TIMEOUT_MS} with the end of its log */
export async function untilReady(said: () => string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!said().includes(READY)) {
    if (performance.now() > deadline) throw new Error(`the worker did not start:\n${said().slice(-2000)}`);
    await sleep(200);
  }
}

export const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Temporal's development server with its database in a file. */
export function keepTemporal(options: TemporalOptions): KeptService {
  const pid = () => readPidFile(options.pidFile, 'temporal');
  async function end(signal: 'SIGKILL' | 'SIGTERM', timeoutMs: number): Promise<{ end: string; inTime: boolean }> {
    const deadline = performance.now() + timeoutMs;
    const server = pid();
    if (server === null) return { end: 'nobody there', inTime: true };
    process.kill(server, signal);
    while (pid() !== null) {
      if (performance.now() > deadline) return { end: 'not ended', inTime: false };
      await sleep(20);
    }
    return { end: signal, inTime: true };
  }
  return {
    pid,
    async kill() {
      await end('SIGKILL', 10_000);
    },
    async drain(timeoutMs) {
      const began = performance.now();
      const ended = await end('SIGTERM', timeoutMs);
      return { ...ended, seconds: (performance.now() - began) / 1000 };
    },
    async start() {
      for (let tries = 1; ; tries += 1) {
        try {
          await ensureTemporal(options);
          return;
        } catch (error) {
          if (tries === 3) throw error; // Connections of the previous server may hold the port for a moment.
          await sleep(AGAIN_AFTER_MS);
        }
      }
    },
  };
}
