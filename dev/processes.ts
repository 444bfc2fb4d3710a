import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Processes that outlive the process that started them. A pid file names them, and their command line is checked
 * because pids are reused.
 */

/** Whether a process with this pid runs. A zombie does not. */
export function isAlive(pid: number | undefined): boolean {
  return commandOf(pid) !== null;
}

/** The command line of a process; null when no process has this pid. */
function commandOf(pid: number | undefined): string | null {
  if (pid === undefined) return null;
  try {
    const [state = '', ...command] = execFileSync('ps', ['-o', 'stat=,command=', '-p', String(pid)], {
      encoding: 'utf8',
    })
      .trim()
      .split(/\s+/);
    return state.startsWith('Z') ? null : command.join(' ');
  } catch {
    return null; // ps exits with 1 when there is no such process.
  }
}

/** @param note - a line that is stored with the pid, see {@link readPidFileNote} */
export function writePidFile(file: string, pid: number | undefined, note = ''): void {
  if (pid === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${pid}\n${note}\n`);
  renameSync(`${file}.new`, file);
}

/** The pid in the file, if the process runs and its command line contains `program`; else null. */
export function readPidFile(file: string, program: string): number | null {
  const pid = Number(linesOf(file)[0]);
  return Number.isInteger(pid) && pid > 1 && commandOf(pid)?.includes(program) ? pid : null;
}

/** The note in the pid file; empty when there is none. */
export const readPidFileNote = (file: string): string => linesOf(file)[1] ?? '';

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** Sends SIGTERM, and SIGKILL after the grace. Returns when the process has ended. */
export async function stopProcess(pid: number, graceMs: number): Promise<void> {
  signal(pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) signal(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
