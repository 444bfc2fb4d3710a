import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Processes of this machine that outlive who started them: known by a pid file, and never trusted by their number alone. */

/** Whether a process of this number runs. One that ended but was not waited for does not. */
export function isAlive(pid: number | undefined): boolean {
  return commandOf(pid) !== null;
}

/** The command line of a process; null when there is none of this number. */
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
    return null; // ps ends with 1 when it finds none
  }
}

/** @param note - a line kept with the number, see {@link readPidFileNote} */
export function writePidFile(file: string, pid: number | undefined, note = ''): void {
  if (pid === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${pid}\n${note}\n`);
  renameSync(`${file}.new`, file);
}

/** The process that the pid file names, if it still runs and its command line contains `program`: numbers are used again. */
export function readPidFile(file: string, program: string): number | null {
  const pid = Number(linesOf(file)[0]);
  return Number.isInteger(pid) && pid > 1 && commandOf(pid)?.includes(program) ? pid : null;
}

/** What was noted beside the number; empty when nothing was. */
export const readPidFileNote = (file: string): string => linesOf(file)[1] ?? '';

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** SIGTERM, then SIGKILL after the grace. Returns when the process is gone. */
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
