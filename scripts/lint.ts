/**
 * Everything that reads the code without running it: Biome, ruff, pyrefly (types of Python), and the walls between
 * folders (lint/walls.ts). All are run, whichever fails.
 *
 *     npm run lint
 */
import { execa } from 'execa';
import { EXIT, runMain } from '../config/command-errors.ts';
import { inProject, PROJECT, VENV, VENV_PYTHON } from '../config/paths.ts';
import { sourcesOf, wallFaults } from '../lint/check.ts';
import { PACKAGES } from '../lint/packages.ts';
import { WALLS } from '../lint/walls.ts';

const biome = inProject('node_modules', '.bin', 'biome');
const ruff = `${VENV}/bin/ruff`;
const pyrefly = `${VENV}/bin/pyrefly`;
// The domains are written by the same rules as the trainers.
const RUFF = ['--config', 'trainers/pyproject.toml', 'trainers', 'domains'];

const CHECKS: readonly (readonly [command: string, ...args: string[]])[] = [
  [biome, 'check'],
  [ruff, 'check', ...RUFF],
  [ruff, 'format', '--check', ...RUFF],
  [pyrefly, 'check', '--config', 'trainers/pyproject.toml', '--python-interpreter-path', VENV_PYTHON],
];

await runMain(async () => {
  const faults = wallFaults(WALLS, PACKAGES, sourcesOf(PROJECT));
  for (const fault of faults) console.error(`walls: ${fault}`);
  if (faults.length > 0) console.error('walls: lint/walls.ts says what each folder may import');
  let passed = faults.length === 0;
  for (const [command, ...args] of CHECKS) {
    const { failed, code } = await execa(command, args, { cwd: PROJECT, stdio: 'inherit', reject: false });
    if (code === 'ENOENT') console.error(`lint: ${command} is not there: run \`npm run setup\``);
    passed &&= !failed;
  }
  return passed ? EXIT.ok : EXIT.failed;
});
