import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { POD_ENV } from '../../spec/index.ts';
import { commandLine, type MarkedProcess } from '../processes.ts';

/** The facts of the system about a process of a job. Never its environment. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** As in `ps`: R runs, S sleeps, D waits for a device or a file system and handles no signal, T is stopped. */
  readonly state: string;
  /** Kernel function that it waits in; null if unknown. */
  readonly waitsIn: string | null;
  /** By user and kernel together. */
  readonly cpuSeconds: number;
  readonly ageSeconds: number;
  readonly residentMiB: number;
  readonly threads: number;
  /** Number of open files and sockets; null if they may not be counted. */
  readonly openFiles: number | null;
  /** Name of the program file: `node`, `python3.12`. */
  readonly program: string;
  readonly command: string;
  /** Shard or rank. */
  readonly part: string | null;
  /** Target of its stderr: a file, `pipe:[...]`, `/dev/null`; null if unknown. */
  readonly stderr: string | null;
  /** Bit n-1: the process handles signal n. */
  readonly handled: bigint;
}

/** `USER_HZ`, the unit of times in /proc: 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The facts in /proc about a process; null when it is gone. Only on Linux. */
export async function processFacts({ pid, variable }: MarkedProcess): Promise<ProcessFacts | null> {
  const [stat, status, uptime] = await Promise.all(
    [`/proc/${pid}/stat`, `/proc/${pid}/status`, '/proc/uptime'].map((path) =>
      readFile(path, 'utf8').catch(() => null),
    ),
  );
  if (stat == null || status == null) return null;
  // Field 2, the name, may contain anything, so fields are counted after its closing bracket.
  const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const number = (n: number) => Number(field[n - 3]);
  const line = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1];
  const link = (name: string) => readlink(`/proc/${pid}/${name}`).catch(() => null);
  const waitsIn = await readFile(`/proc/${pid}/wchan`, 'utf8').catch(() => '0');
  return {
    pid,
    parent: number(4),
    state: field[0] ?? '?',
    waitsIn: waitsIn === '0' ? null : waitsIn,
    cpuSeconds: (number(14) + number(15)) / TICKS_PER_SECOND,
    ageSeconds: Math.max(0, Number.parseFloat(uptime ?? '0') - number(22) / TICKS_PER_SECOND),
    residentMiB: Number(line('VmRSS') ?? 0) / 1024,
    threads: number(20),
    openFiles: await readdir(`/proc/${pid}/fd`).then(
      (names) => names.length,
      () => null,
    ),
    program: basename((await link('exe')) ?? ''),
    command: await commandLine(pid),
    part: variable(POD_ENV.shard),
    stderr: await link('fd/2'),
    handled: BigInt(`0x${line('SigCgt') ?? '0'}`),
  };
}

/** Whether the process handles the signal. Otherwise the signal would kill it. */
export const handles = ({ handled }: Pick<ProcessFacts, 'handled'>, signal: 'SIGUSR1' | 'SIGUSR2'): boolean =>
  ((handled >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;

/** Whether the process is stopped by a signal or a debugger. It then answers nothing until it is continued. */
export const isStopped = ({ state }: Pick<ProcessFacts, 'state'>): boolean => 'Tt'.includes(state);

const STATES: Readonly<Record<string, string>> = {
  R: 'runs',
  S: 'sleeps',
  D: 'waits for a device or a file system, and handles no signal',
  T: 'is stopped by a signal',
  t: 'is stopped by a debugger',
  Z: 'has ended, and its parent has not reaped it',
};

/** The facts as text for a person, one paragraph per process. Pure. */
export function processLines(processes: readonly ProcessFacts[]): string {
  const paragraphs = processes.map((one) => {
    const { pid, parent, part, state, waitsIn, cpuSeconds, ageSeconds, residentMiB, threads, openFiles, stderr } = one;
    return [
      `process ${pid}${part === null ? ', the supervisor or its child' : `, part ${part}`}: ${one.command}`,
      `  state ${state} (${STATES[state] ?? 'unknown'})${waitsIn === null ? '' : `, in ${waitsIn}`}; parent ${parent}`,
      `  ${cpuSeconds.toFixed(1)} s of CPU time in ${ageSeconds.toFixed(0)} s; ${residentMiB.toFixed(0)} MiB resident; ${threads} threads; ${openFiles ?? '?'} open files`,
      `  stderr: ${stderr ?? 'unknown'}`,
    ].join('\n');
  });
  return paragraphs.length === 0 ? 'the job has no processes\n' : `${paragraphs.join('\n\n')}\n`;
}

/** The same from `ps`, for systems without /proc. */
export async function processLinesByPs(pids: readonly number[]): Promise<string> {
  if (pids.length === 0) return processLines([]);
  const columns = 'pid,ppid,stat,time,etime,rss,command';
  return (await promisify(execFile)('ps', ['-ww', '-o', columns, '-p', pids.join(',')])).stdout;
}
