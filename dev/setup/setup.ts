/**
 * Installs the Python environment in `.venv` with exactly the packages of the requirements file, and checks their
 * hashes. Takes only a few milliseconds when the environment is up to date.
 *
 * Environment: `ORRERY_BASE_PYTHON` (interpreter to build on), `ORRERY_REQUIREMENTS` (another compiled file than
 * trainers/requirements.txt, for example one without CUDA: see docs/install.md), and all of uv's own settings
 * (`UV_INDEX_URL`, `UV_TORCH_BACKEND`, ...).
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

/** Contains the hash of the installed requirements file. It is written after the installation. */
const STAMP = join(VENV, '.orrery-requirements');

/** Whether the environment was installed from the current requirements file. */
export function isPythonInstalled(): boolean {
  return existsSync(VENV_PYTHON) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hashOf(requirementsFile());
}

/**
 * Installs the requirements file into the Python environment.
 * @throws CommandError 69 with what is missing and how to fix it
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
  await compileImports();
  writeFileSync(STAMP, hashOf(requirements));
}

const hashOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** What trainers import. It loads a quarter of the packages' modules. */
const IMPORTS = `
import datasets, jsonschema, torch._dynamo
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, Trainer
from trl import GRPOTrainer, SFTTrainer
`;

/**
 * Imports what trainers import, because Python then writes the bytecode beside the modules. Otherwise the first trainers
 * need 5 s longer to start, and so does every pod that sees the packages on a read-only volume. To compile all packages
 * (\`uv --compile-bytecode\`) would take four times as long.
 */
async function compileImports(): Promise<void> {
  await execa(VENV_PYTHON, ['-c', IMPORTS], {
    cwd: PROJECT,
    stdio: 'ignore',
    env: { PYTHONDONTWRITEBYTECODE: '' }, // Containers often set it.
    reject: false, // A package that cannot be imported is reported by the program that needs it.
  });
}

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

/** Runs uv and shows its output. */
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
    `uv ${args.slice(0, 2).join(' ')} ended with ${exitCode ?? 'no exit code'}; its error is printed above`,
    'fix the error, then run `npm run setup` again (is the package index reachable? UV_INDEX_URL names another)',
  );
}
