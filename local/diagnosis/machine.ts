import { execFile } from 'node:child_process';
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, hostname, loadavg, totalmem, uptime } from 'node:os';
import { promisify } from 'node:util';

const GIB = 2 ** 30;

/** Load, memory and disks of this machine, as text. */
export async function machineLines(folders: Readonly<Record<string, string>>): Promise<string> {
  const pressure = async (of: string): Promise<string[]> => {
    const text = await readFile(`/proc/pressure/${of}`, 'utf8').catch(() => null);
    return text === null ? [] : [`pressure on ${of}: ${text.trim().replaceAll('\n', '; ')}`];
  };
  const available = /^MemAvailable:\s*(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8').catch(() => ''))?.[1];
  const free = available === undefined ? freemem() : Number(available) * 1024;
  const disks = Object.entries(folders).map(async ([name, path]) => {
    const disk = await statfs(path).catch((error: Error) => error);
    return disk instanceof Error
      ? `${name}: ${disk.message}`
      : `${name}: ${((disk.bavail * disk.bsize) / GIB).toFixed(1)} of ${((disk.blocks * disk.bsize) / GIB).toFixed(1)} GiB free, ${disk.ffree} file names left`;
  });
  return [
    `${hostname()} at ${new Date().toISOString()}, up for ${(uptime() / 3600).toFixed(1)} hours`,
    `load ${loadavg()
      .map((load) => load.toFixed(2))
      .join(', ')} (1, 5, 15 minutes) on ${availableParallelism()} cores`,
    `memory ${(free / GIB).toFixed(1)} of ${(totalmem() / GIB).toFixed(1)} GiB available`,
    ...(await Promise.all(['cpu', 'memory', 'io'].map(pressure))).flat(),
    ...(await Promise.all(disks)),
    '',
  ].join('\n');
}

/**
 * The output of `nvidia-smi`. @throws Error if it exists and does not answer: a hung driver blocks every process that
 * queries it
 */
export async function nvidiaSmi(timeoutMs: number): Promise<string> {
  const { stdout } = await promisify(execFile)('nvidia-smi', [], { timeout: timeoutMs, killSignal: 'SIGKILL' }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return { stdout: 'there is no nvidia-smi on this machine\n' };
      throw error;
    },
  );
  return stdout;
}
