import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Program, Target, Zombie } from '../target.ts';
import { disksCannot, type MountedDisk } from './disk.ts';
import { isAlive, type Process, processesWith, workingFolder } from './proc.ts';
import { idOf, programsAmong, SOAK_MARK, ZOMBIE_MARK } from './programs.ts';
import { type KeptService, READY, sizeOf, startWorker, untilReady, type WorkerOptions } from './services.ts';

export interface LocalTargetOptions {
  readonly mark: string;
  readonly store: string;
  readonly disk: MountedDisk;
  readonly worker: KeptService;
  readonly workerOptions: WorkerOptions;
  readonly temporal: KeptService;
  /** Log file of zombies. */
  readonly zombieLog: string;
}

/** The target for processes on this machine, which are found by the marks in their environment. */
export function createLocalTarget(options: LocalTargetOptions): Target & { end(): Promise<void> } {
  const { mark, store, disk, worker, temporal, workerOptions } = options;

  const marked = async (): Promise<Process[]> =>
    (await processesWith(SOAK_MARK)).filter(
      ({ pid, environment }) => environment[SOAK_MARK] === mark && pid !== process.pid,
    );

  const killAll = (): Promise<void> => killMarked(mark);
  return {
    store,
    disk,
    worker,
    temporal,
    cannot: disksCannot(),
    running: async () => await programsAmong(await marked(), store),
    async signal(program, signal) {
      if (!(await isAlive(processOf(program)))) return false;
      return send(processOf(program).pid, signal);
    },
    isAlive: (program) => isAlive(processOf(program)),
    remember: (program) => remember(program, options.zombieLog),
    async startAnotherWorker() {
      const another = { ...workerOptions, logFile: workerOptions.logFile.replace(/\.log$/, '-2.log') };
      const from = sizeOf(another.logFile);
      const child = startWorker(another);
      const ended = once(child, 'exit');
      // A power cut may kill it before it is ready.
      await Promise.race([ended, untilReady(() => readFileSync(another.logFile, 'utf8').slice(from))]);
      return {
        async stop() {
          child.kill('SIGTERM');
          await Promise.race([ended, sleep(60_000, null, { ref: false })]);
          child.kill('SIGKILL');
          await ended;
        },
      };
    },
    async startStrangeWorker(timeoutMs) {
      const logFile = workerOptions.logFile.replace(/\.log$/, '-strange.log');
      const env = { ...workerOptions.env, ORRERY_STORE: `${store}-strange`, ORRERY_HOME: `${store}-strange-home` };
      const from = sizeOf(logFile);
      const child = startWorker({ ...workerOptions, env, logFile });
      const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
      const end = await Promise.race([ended, sleep(timeoutMs, null, { ref: false })]);
      if (end === null) child.kill('SIGKILL');
      await ended;
      const polled = readFileSync(logFile, 'utf8').slice(from).includes(READY);
      return end === null ? null : { exitCode: end[0], polled };
    },
    async powerCut() {
      // Services first, so that they are not restarted.
      await Promise.all([worker.kill(), temporal.kill()]);
      await killAll();
    },
    async end() {
      await killAll();
    },
  };
}

/** Sends SIGKILL to every process of a soak until none is left. */
export async function killMarked(mark: string): Promise<void> {
  for (;;) {
    const left = (await processesWith(SOAK_MARK)).filter(
      ({ pid, environment }) => environment[SOAK_MARK] === mark && pid !== process.pid,
    );
    if (left.length === 0) return;
    for (const { pid } of left) send(pid, 'SIGKILL');
    await sleep(20);
  }
}

const processOf = ({ id }: Program): { pid: number; start: string } => {
  const [pid, start = ''] = id.split(':');
  return { pid: Number(pid), start };
};

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/**
 * Program, arguments, folder and environment of a process, without the marks by which its executor finds and ends it.
 */
async function remember(program: Program, logFile: string): Promise<Zombie> {
  const { pid } = processOf(program);
  const [found] = (await processesWith(SOAK_MARK)).filter((process) => idOf(process) === program.id);
  const cwd = await workingFolder(pid);
  return {
    async wake(timeoutMs) {
      const [command, ...args] = found?.command ?? [];
      if (found === undefined || command === undefined || cwd === null) return 'it ended before it could be captured';
      const { ORRERY_JOB: _job, ORRERY_JOB_ID: _id, ORRERY_HOME: _home, ...environment } = found.environment;
      const log = openSync(logFile, 'a');
      const child = spawn(command, args, {
        cwd,
        env: { ...environment, [ZOMBIE_MARK]: '1' },
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
      const first = await Promise.race([ended, sleep(timeoutMs, null, { ref: false })]);
      if (first === null) child.kill('SIGKILL');
      const [code, signal] = await ended;
      return first === null
        ? `it had not ended after ${timeoutMs / 1000} s`
        : `it ended with ${signal ?? `exit code ${code}`}`;
    },
  };
}
