import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process of this machine, as /proc describes it. Linux only, because the soak reads environments of processes. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Process group. The main process of a container leads its own group. */
  readonly group: number;
  /** Start time in clock ticks since boot. With the pid, it identifies one process. */
  readonly start: string;
  /** `R`, `S`, `D`, `T` (stopped), ... */
  readonly state: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Every process with the variable in its environment, except zombies that are not yet reaped. */
export async function processesWith(variable: string): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => readProcess(pid, variable)));
  return found.filter((one) => one !== null);
}

/** Whether exactly this process is still alive. */
export async function isAlive({ pid, start }: Pick<Process, 'pid' | 'start'>): Promise<boolean> {
  const stat = await statOf(pid);
  return stat !== null && stat.start === start && !'ZX'.includes(stat.state);
}

/** Working directory of a process; null when it has ended. */
export async function workingFolder(pid: number): Promise<string | null> {
  return await readlink(`/proc/${pid}/cwd`).catch(() => null);
}

async function readProcess(pid: number, variable: string): Promise<Process | null> {
  const environ = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  if (!environ.includes(`${variable}=`)) return null;
  const environment = Object.fromEntries(
    environ.split('\0').flatMap((entry) => {
      const at = entry.indexOf('=');
      return at < 1 ? [] : [[entry.slice(0, at), entry.slice(at + 1)]];
    }),
  );
  if (environment[variable] === undefined) return null;
  const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').slice(0, -1);
  const stat = await statOf(pid);
  if (stat === null || 'ZX'.includes(stat.state)) return null;
  return { pid, ...stat, command, environment };
}

/**
 * Fields 3, 4, 5 and 22 of `/proc/<pid>/stat`. The name in field 2 may contain any character, so counting starts after
 * its bracket.
 */
async function statOf(pid: number): Promise<Pick<Process, 'state' | 'parent' | 'group' | 'start'> | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  const [state = 'X', parent, group, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state, parent: Number(parent), group: Number(group), start: rest[16] ?? '' };
}
