import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Processes of this machine: from `/proc` if it exists (Linux), else from `ps` (macOS). */

const run = promisify(execFile);
const HAS_PROC = process.platform === 'linux';

/**
 * The start of a process, as a text that no other process of this pid ever has (Linux: boot id and clock ticks since
 * boot). Null if there is no such process, or if it has ended and is not reaped yet.
 */
export async function processStart(pid: number): Promise<string | null> {
  if (HAS_PROC) {
    const stat = await statOf(pid);
    return stat === null || 'ZX'.includes(stat.state) ? null : `${await bootId()} ${stat.start}`;
  }
  const ps = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  const [state = '', ...start] = ps.stdout.trim().split(/\s+/);
  return state === '' || state.startsWith('Z') ? null : start.join(' ');
}

/** Id of the current boot of the machine; `''` if unknown. */
export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}

/** A process that was found by a variable of its initial environment. */
export interface MarkedProcess {
  readonly pid: number;
  /** Another variable of that environment; null where it is not set. */
  variable(name: string): string | null;
}

/** All processes with `name=value` in their initial environment, except this one. */
export async function markedProcesses(name: string, value: string): Promise<MarkedProcess[]> {
  const marker = `${name}=${value}`;
  const found = HAS_PROC ? await findInProc(marker) : await findByPs(marker);
  return found.filter(({ pid }) => pid !== process.pid);
}

/** Pids of {@link markedProcesses}. */
export async function findMarked(name: string, value: string): Promise<number[]> {
  return (await markedProcesses(name, value)).map(({ pid }) => pid);
}

/** Sends SIGKILL to all such processes until none is left. @throws Error if some are left after `timeoutMs` */
export async function killMarked(name: string, value: string, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = await findMarked(name, value);
    if (left.length === 0) return;
    if (performance.now() > deadline) throw new Error(`processes ${left.join(', ')} are still there after SIGKILL`);
    for (const pid of left) sendSignal(pid, 'SIGKILL');
    await sleep(10);
  }
}

/** Sends a signal to a process, or with a negative pid to a group. A missing process is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // EPERM is the answer of macOS for a group of zombies.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * Whether a process of this group listens on the TCP port; null if unknown. An answer on a port does not say which
 * process listens. If two servers got the same port, both would count as ready, and one job would use the policy of
 * another.
 */
export async function groupListensOn(group: number, port: number): Promise<boolean | null> {
  if (!HAS_PROC) return null;
  const sockets = await Promise.all(['tcp', 'tcp6'].map((table) => listeners(`/proc/net/${table}`, port)));
  const inodes = new Set(sockets.flat());
  for (const pid of await allPids()) {
    if ((await statOf(pid))?.group !== group) continue;
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    if (targets.some((target) => inodes.has(target))) return true;
  }
  return false;
}

async function listeners(table: string, port: number): Promise<string[]> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const LISTEN = '0A';
  const rows = (await readFile(table, 'utf8').catch(() => '')).split('\n').map((row) => row.trim().split(/\s+/));
  return rows.flatMap(([, local, , state, , , , , , inode]) =>
    state === LISTEN && local?.endsWith(`:${hexPort}`) ? [`socket:[${inode}]`] : [],
  );
}

/**
 * Fields 3, 5 and 22 of `/proc/<pid>/stat`. The name in field 2 may contain anything, so fields are counted after its
 * closing bracket.
 */
async function statOf(pid: number): Promise<{ state: string; group: number; start: string } | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? 'X', group: Number(fields[2]), start: fields[19] ?? '' };
}

const allPids = async (): Promise<number[]> =>
  (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);

async function findInProc(marker: string): Promise<MarkedProcess[]> {
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      // The environment of processes of other users is unreadable: those are not ours.
      const environment = (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).split('\0');
      return environment.includes(marker) ? [{ pid, variable: variableIn(environment) }] : [];
    }),
  );
  return found.flat();
}

async function findByPs(marker: string): Promise<MarkedProcess[]> {
  const { stdout } = await run('ps', ['-axEww', '-o', 'pid=,command='], { maxBuffer: 64 * 2 ** 20 });
  const lines = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  return lines.flatMap((parts) =>
    parts.includes(marker) ? [{ pid: Number(parts[0]), variable: variableIn(parts) }] : [],
  );
}

const variableIn =
  (environment: readonly string[]) =>
  (name: string): string | null =>
    environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;

/** The command line of a process, without its environment; empty if it is gone. */
export async function commandLine(pid: number): Promise<string> {
  if (!HAS_PROC) {
    const { stdout } = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
    return stdout.trim();
  }
  const parts = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return parts.replaceAll('\0', ' ').trim();
}
