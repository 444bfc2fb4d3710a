import { execa } from 'execa';
import { expect, test } from 'vitest';
import { type Check, checkLines, missing, ok } from '../../cli/doctor/check.ts';
import { wrongPackages } from '../../cli/doctor/machine.ts';
import { inProject } from '../../config/paths.ts';

test('packages are compared by normalised name', () => {
  const requirements =
    'math-verify==0.8.0 \\\n    --hash=sha256:00\ntyping-extensions==4.1 \\\ntorch==2.15.0 \\\nyarl==1.0\n';
  expect(wrongPackages(requirements, { 'math-verify': '0.8.0', 'typing-extensions': '4.1', torch: '2.14.0' })).toEqual([
    'torch is 2.14.0, not 2.15.0',
    'yarl is missing, not 1.0',
  ]);
});

test('a package that only other systems need is not missing here', () => {
  expect(wrongPackages("colorama==0.4.6 ; sys_platform == 'win32' \\\n", {})).toEqual([]);
});

test('the remedy is on the line below its check', () => {
  expect(checkLines([ok('Node', '24'), missing('worker', 'none', 'npm run worker')])).toEqual([
    '✔ Node    24',
    '✘ worker  none',
    '          → npm run worker',
  ]);
});

test('doctor finds the installed programs, and ends with 1 when no Temporal server answers', async () => {
  const { stdout, exitCode } = await execa(process.execPath, [inProject('cli/main.ts'), 'doctor', '--json'], {
    reject: false,
    env: { TEMPORAL_ADDRESS: 'localhost:1', ORRERY_STORE: inProject('.orrery/store') },
  });
  const checks = JSON.parse(stdout) as Check[];
  expect(exitCode).toBe(1);
  expect(checks.find(({ name }) => name === 'Python packages')?.state).toBe('ok');
  expect(checks.find(({ name }) => name === 'Temporal')).toMatchObject({
    state: 'missing',
    remedy: expect.stringContaining('npm run temporal'),
  });
});
