/**
 * Every test: vitest over the TypeScript, pytest over the Python. Arguments go to vitest, and then pytest is left out.
 *
 *     npm test
 *     npm test -- tests/cli
 */
import { execa } from 'execa';
import { EXIT, runMain } from '../cli/errors.ts';
import { inProject, PROJECT, VENV_PYTHON } from '../cli/paths.ts';
import { setup } from './setup.ts';

const args = process.argv.slice(2);

await runMain(async () => {
  await setup();
  const vitest = await show(process.execPath, [inProject('node_modules/vitest/vitest.mjs'), 'run', ...args]);
  const pytest = args.length > 0 || (await show(VENV_PYTHON, ['-m', 'pytest', '-q', 'trainers/tests']));
  return vitest && pytest ? EXIT.ok : EXIT.failed;
});

/** Runs a command with its output on this terminal. @returns whether it ended with 0 */
async function show(command: string, commandArgs: readonly string[]): Promise<boolean> {
  const { failed } = await execa(command, commandArgs, {
    cwd: PROJECT,
    stdio: 'inherit',
    reject: false,
    env: { PYTHONPATH: inProject('trainers'), OMP_NUM_THREADS: '1' },
  });
  return !failed;
}
