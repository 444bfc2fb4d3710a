import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { inProject, TEMPORAL, VENV_PYTHON } from '../config/paths.ts';

/** The machine of a measurement. A number has no meaning without it. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly python: string;
  /** Temporal's CLI with the server in it. */
  readonly temporal: string;
  readonly temporalSdk: string;
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version.slice(1),
    python: versionOf(VENV_PYTHON, /Python (\S+)/),
    temporal: versionOf(TEMPORAL, /^(.*)$/m),
    temporalSdk: versionInPackage('node_modules/@temporalio/worker/package.json'),
  };
}

/** Load average of the last minute. Above the number of cores, times depend more on the load than on our code. */
export const loadNow = (): number => Math.round((loadavg()[0] ?? 0) * 100) / 100;

export const machineText = (machine: Machine): string =>
  [
    `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}`,
    `Node ${machine.node}, Python ${machine.python}, Temporal ${machine.temporal}, its TypeScript SDK ${machine.temporalSdk}`,
  ].join('; ');

function versionOf(program: string, pattern: RegExp): string {
  const printed = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return pattern.exec(printed)?.[1]?.replace(/^temporal version /, '') ?? printed.trim();
}

function versionInPackage(path: string): string {
  return (JSON.parse(readFileSync(inProject(path), 'utf8')) as { version: string }).version;
}
