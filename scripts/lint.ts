/**
 * Everything that reads the code without running it: Biome (with the import table of docs/architecture.md, which is
 * lint/imports.json) and ruff. All are run, whichever fails.
 *
 *     npm run lint
 */
import { execa } from 'execa';
import { EXIT, runMain } from '../config/command-errors.ts';
import { inProject, PROJECT, VENV } from '../config/paths.ts';

const biome = inProject('node_modules', '.bin', 'biome');
const ruff = `${VENV}/bin/ruff`;
// The domains are written by the same rules as the trainers.
const RUFF = ['--config', 'trainers/pyproject.toml', 'trainers', 'domains'];

const CHECKS: readonly (readonly [command: string, ...args: string[]])[] = [
  [biome, 'check'],
  [ruff, 'check', ...RUFF],
  [ruff, 'format', '--check', ...RUFF],
];

await runMain(async () => {
  let passed = true;
  for (const [command, ...args] of CHECKS) {
    const { failed } = await execa(command, args, { cwd: PROJECT, stdio: 'inherit', reject: false });
    passed &&= !failed;
  }
  return passed ? EXIT.ok : EXIT.failed;
});
