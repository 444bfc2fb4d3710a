/**
 * Every test: vitest over the TypeScript, pytest over the Python. Arguments go to vitest, and then pytest is left out. `--faults` runs those
 * that cause faults for real and take minutes: `tests/faults/`, and what pytest marks as slow.
 *
 *     npm test
 *     npm test -- tests/cli
 *     npm test -- --faults
 */
import { execa } from 'execa';
import { EXIT, runMain } from '../cli/errors.ts';
import { inProject, PROJECT, VENV_PYTHON } from '../cli/paths.ts';
import { setup } from './setup.ts';

const faults = process.argv.includes('--faults');
const args = process.argv.slice(2).filter((arg) => arg !== '--faults');

await runMain(async () => {
  await setup();
  const vitest = await show(process.execPath, [inProject('node_modules/vitest/vitest.mjs'), 'run', ...args]);
  const marks = faults ? ['-m', 'slow'] : [];
  const pytest =
    args.length > 0 ||
    (await show(VENV_PYTHON, ['-m', 'pytest', '-q', ...marks, 'trainers/tests'], faults ? [NO_TESTS] : []));
  return vitest && pytest ? EXIT.ok : EXIT.failed;
});

/** What pytest ends with when nothing is marked. */
const NO_TESTS = 5;

/** Runs a command with its output on this terminal. @returns whether it ended with 0, or as else is fine */
async function show(command: string, commandArgs: readonly string[], fine: readonly number[] = []): Promise<boolean> {
  const { failed, exitCode } = await execa(command, commandArgs, {
    cwd: PROJECT,
    stdio: 'inherit',
    reject: false,
    env: { PYTHONPATH: inProject('trainers'), OMP_NUM_THREADS: '1', ORRERY_TEST_FAULTS: faults ? '1' : '0' },
  });
  return !failed || fine.includes(exitCode ?? 1);
}
