import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { inOrrery } from '../../config/paths.ts';
import type { Interpreter } from './interpreter.ts';

/**
 * Finds `uv`, the installer of Python packages, on the PATH. If there is none, installs it from PyPI under
 * .orrery/tools.
 */
export async function findUv(python: () => Promise<Interpreter>): Promise<string> {
  const onPath = await execa('uv', ['--version'], { reject: false });
  if (!onPath.failed) return 'uv';
  const tools = inOrrery('tools');
  const own = `${tools}/bin/uv`;
  if (existsSync(own)) return own;
  await installUv(tools, (await python()).command);
  return own;
}

async function installUv(folder: string, python: string): Promise<void> {
  console.error('orrery: installing uv');
  const venv = await execa(python, ['-m', 'venv', folder], { reject: false });
  if (venv.failed) {
    throw new CommandError(
      EXIT.unavailable,
      `${python} -m venv ${folder} failed: ${venv.stderr || venv.stdout}`,
      'install uv (https://docs.astral.sh/uv), or what python is missing (Debian, Ubuntu: sudo apt-get install python3-venv)',
    );
  }
  const pip = await execa(`${folder}/bin/python`, ['-m', 'pip', 'install', '--quiet', 'uv'], { reject: false });
  if (pip.failed) {
    throw new CommandError(
      EXIT.unavailable,
      `pip could not install uv: ${pip.stderr}`,
      'install uv yourself: https://docs.astral.sh/uv',
    );
  }
}
