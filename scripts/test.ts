/**
 * Runs every test: vitest for TypeScript, pytest for Python. With arguments it runs only vitest and passes them on.
 * `--faults` runs the tests that cause real faults and take minutes: `tests/faults/` and the slow ones of pytest.
 * `--repeat N` finds flaky tests: it runs the tests N times beside as many busy processes as `--load` says.
 *
 *     npm test
 *     npm test -- tests/cli
 *     npm test -- --faults
 *     npm test -- --repeat 10 --load 4
 *     npm test -- --repeat 30 --load 4 tests/reconciler
 *     npm test -- --mutations 20000   number of mutated specs (default 2,000)
 *     npm test -- --flips 1000        number of damaged files in a store (default 160)
 */
import { type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { execa } from 'execa';
import { CommandError, EXIT, type ExitCode, runMain } from '../config/command-errors.ts';
import { inOrrery, inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import { setup } from '../dev/setup/setup.ts';

/** Exit code of pytest when no test has the mark. */
const NO_TESTS = 5;

/** Tests with a configurable number of random cases: flag, variable that the test reads, file of the test. */
const COUNTED = [
  ['--mutations', 'ORRERY_TEST_MUTATIONS', 'tests/spec/mutations.test.ts'],
  ['--flips', 'ORRERY_TEST_FLIPS', 'tests/integrity/damage.test.ts'],
] as const;

await runMain(async () => {
  const args = process.argv.slice(2);
  const faults = takeFlag(args, '--faults');
  const repeat = takeNumber(args, '--repeat');
  const load = takeNumber(args, '--load');
  for (const [flag, variable, file] of COUNTED) {
    const count = takeNumber(args, flag);
    if (count === null) continue;
    process.env[variable] = String(count);
    args.push(file);
  }
  await setup();
  if (repeat !== null) return await repeatTests(repeat, load ?? 0, (output) => testsPass(args, faults, output));
  return (await testsPass(args, faults, 'inherit')) ? EXIT.ok : EXIT.failed;
});

/** Where the tests print: this terminal, or a file descriptor. */
type Output = 'inherit' | number;

async function testsPass(args: readonly string[], faults: boolean, output: Output): Promise<boolean> {
  const env = { PYTHONPATH: inProject('trainers'), OMP_NUM_THREADS: '1', ORRERY_TEST_FAULTS: faults ? '1' : '0' };
  const run = async (to: Output, command: string, commandArgs: readonly string[]): Promise<number> => {
    const stdio: StdioOptions = ['ignore', to, to];
    const child = spawn(command, commandArgs, { cwd: PROJECT, stdio, env: { ...process.env, ...env } });
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    return exitCode ?? EXIT.failed;
  };
  const vitest = run(output, process.execPath, [inProject('node_modules/vitest/vitest.mjs'), 'run', ...args]);
  if (args.length > 0) return (await vitest) === EXIT.ok;

  // Vitest mostly waits for processes and timers, so pytest runs at the same time. Its output follows that of vitest.
  const marks = faults ? ['-m', 'slow'] : [];
  const printed = join(mkdtempSync(join(tmpdir(), 'orrery-pytest-')), 'output');
  const file = openSync(printed, 'w');
  const pytest = run(file, VENV_PYTHON, ['-m', 'pytest', '-q', ...marks, 'trainers/tests']);
  const exitCodes = await Promise.all([vitest, pytest]);
  closeSync(file);
  writeSync(output === 'inherit' ? process.stdout.fd : output, readFileSync(printed));
  rmSync(dirname(printed), { recursive: true });
  return exitCodes[0] === EXIT.ok && (exitCodes[1] === EXIT.ok || (faults && exitCodes[1] === NO_TESTS));
}

/** Runs the tests several times, prints the result of each run, and keeps the logs of failed runs. */
async function repeatTests(
  times: number,
  load: number,
  testsPassInto: (output: Output) => Promise<boolean>,
): Promise<ExitCode> {
  const folder = inOrrery('test-runs', new Date().toISOString().replaceAll(':', '-'));
  mkdirSync(folder, { recursive: true });
  const spin = () => execa(process.execPath, ['-e', 'for (;;);'], { reject: false });
  const spinning = Array.from({ length: load }, spin);
  let failed = 0;
  for (let run = 1; run <= times; run += 1) {
    const file = join(folder, `run-${run}.log`);
    const output = openSync(file, 'w');
    const began = performance.now();
    const passed = await testsPassInto(output);
    const seconds = Math.round((performance.now() - began) / 1000);
    closeSync(output);
    console.log(`run ${run} of ${times}: ${passed ? 'passed' : 'FAILED'} in ${seconds} s`);
    if (!passed) console.log([...failuresIn(file), file].map((line) => `  ${line}`).join('\n'));
    if (passed) rmSync(file);
    else failed += 1;
  }
  for (const process of spinning) process.kill('SIGKILL');
  if (failed === 0) rmSync(folder, { recursive: true });
  console.log(`${times - failed} of ${times} runs passed`);
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

/** The names of failed tests, as vitest and pytest print them. */
function failuresIn(file: string): string[] {
  const lines = stripVTControlCharacters(readFileSync(file, 'utf8')).split('\n');
  return [...new Set(lines.map((line) => line.trim()).filter((line) => /^FAIL(ED)? /.test(line)))];
}

function takeFlag(args: string[], name: string): boolean {
  const at = args.indexOf(name);
  if (at >= 0) args.splice(at, 1);
  return at >= 0;
}

/** @throws CommandError 2 when no whole number follows the name */
function takeNumber(args: string[], name: string): number | null {
  const at = args.indexOf(name);
  if (at < 0) return null;
  const [, value = ''] = args.splice(at, 2);
  if (/^\d{1,6}$/.test(value)) return Number(value);
  throw new CommandError(EXIT.usage, `${name}: expected a whole number, but got "${value}"`);
}
