/**
 * Installs what the programs need beside the Node packages: a Python environment in `.venv`, with exactly what the requirements file
 * names, hashes checked. Does nothing, in a few milliseconds, when that is there.
 *
 * Environment: `ORRERY_BASE_PYTHON` (interpreter to build on), `ORRERY_REQUIREMENTS` (another compiled file than trainers/requirements.txt,
 * for example one without CUDA: see docs/install.md), and all of uv's own settings (`UV_INDEX_URL`, `UV_TORCH_BACKEND`, ...).
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { inProject, PROJECT, VENV, VENV_PYTHON } from '../../config/paths.ts';
import { findPython, isNewEnough, parseVersion } from './interpreter.ts';
import { findUv } from './uv.ts';

/** What a fresh environment takes: 5.8 GB on Linux, where torch brings CUDA along, and room to unpack. Measured. */
const VENV_GB = 7;

export const requirementsFile = (): string =>
  resolve(process.env.ORRERY_REQUIREMENTS ?? inProject('trainers/requirements.txt'));

/** Written into the environment when it holds all of a requirements file: that file's hash. */
const STAMP = join(VENV, '.orrery-requirements');

/** Whether the environment holds what the requirements file names, as far as we installed it. */
export function isPythonInstalled(): boolean {
  return existsSync(VENV_PYTHON) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hashOf(requirementsFile());
}

/**
 * Makes the Python environment be what the requirements file says.
 * @throws CommandError 69 that says what is missing and how to mend it
 */
export async function setup(): Promise<void> {
  const requirements = requirementsFile();
  if (!existsSync(requirements)) {
    throw new CommandError(EXIT.missing, `there is no ${requirements}`, 'see ORRERY_REQUIREMENTS in docs/install.md');
  }
  if (isPythonInstalled()) return;

  const uv = await findUv(findPython);
  if (!(await hasUsablePython())) {
    const python = await findPython();
    refuseWithoutSpace();
    await run(uv, ['venv', '--quiet', '--clear', '--python', python.command, VENV]);
  }
  console.error(`orrery: installing the Python packages of ${requirements}`);
  await run(uv, ['pip', 'sync', '--require-hashes', '--python', VENV_PYTHON, requirements]);
  writeFileSync(STAMP, hashOf(requirements));
}

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

async function hasUsablePython(): Promise<boolean> {
  if (!existsSync(VENV_PYTHON)) return false;
  const { stdout, failed } = await execa(VENV_PYTHON, ['--version'], { reject: false });
  return !failed && isNewEnough(parseVersion(String(stdout)) ?? []);
}

function refuseWithoutSpace(): void {
  const { bavail, bsize } = statfsSync(PROJECT);
  const freeGb = (bavail * bsize) / 1e9;
  if (freeGb >= VENV_GB) return;
  throw new CommandError(
    EXIT.unavailable,
    `the Python packages need ${VENV_GB} GB of disk space, but ${freeGb.toFixed(1)} GB are free in ${PROJECT}`,
    'free some space there, or install torch without CUDA: see docs/install.md',
  );
}

/** Runs uv with its own output, which tells best what it is doing. */
async function run(uv: string, args: readonly string[]): Promise<void> {
  const { failed, exitCode } = await execa(uv, args, {
    cwd: PROJECT,
    stdin: 'ignore',
    stdout: 2,
    stderr: 2,
    reject: false,
  });
  if (!failed) return;
  throw new CommandError(
    EXIT.unavailable,
    `uv ${args.slice(0, 2).join(' ')} ended with ${exitCode ?? 'no exit code'}; what it said stands above`,
    'run `npm run setup` again once that is mended (is the package index reachable? UV_INDEX_URL names another)',
  );
}
