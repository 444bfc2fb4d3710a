import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sendSignal } from './processes.ts';

/** A program of a pod, run as a process group on this machine. */
export interface Container {
  readonly pid: number | undefined;
  /** Resolves when the program has ended. The rest of its process group is then killed. Never rejects. */
  readonly ended: Promise<ContainerEnd>;
  /** SIGTERM to the program (as a kubelet does), then SIGKILL to its whole group after the grace. Idempotent. */
  terminate(graceMs: number): Promise<ContainerEnd>;
}

export interface ContainerEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the program could not be started; null if it could. */
  readonly error: string | null;
}

export interface ContainerSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** stdout and stderr are appended here, in the order of writing. */
  readonly logFile: string;
}

/** Exit codes of shells for a missing command (127) and for one that cannot be executed (126). */
export const NOT_FOUND = 127;
export const NOT_EXECUTABLE = 126;

/** Starts a program in its own process group, so that it can be ended together with all that it started. */
export function startContainer({ command, args, cwd, env, logFile }: ContainerSpec): Container {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);

  const { promise: ended, resolve } = Promise.withResolvers<ContainerEnd>();
  child.once('exit', (exitCode, signal) => {
    if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
    resolve({ exitCode, signal, error: null });
  });
  child.once('error', (error: NodeJS.ErrnoException) => {
    const exitCode = error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE;
    if (child.pid === undefined)
      resolve({ exitCode, signal: null, error: `${command} could not be started: ${error.message}` });
  });

  return {
    pid: child.pid,
    ended,
    async terminate(graceMs) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return ended;
      sendSignal(child.pid, 'SIGTERM');
      const timer = new AbortController();
      const grace = sleep(graceMs, 'over' as const, { signal: timer.signal }).catch(() => 'ended' as const);
      if ((await Promise.race([ended, grace])) === 'over') sendSignal(-child.pid, 'SIGKILL');
      timer.abort();
      return ended;
    },
  };
}
