import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';

/** A minimal project: bootstrap.mjs, a lockfile, a script to run, and an `npm` that prints its arguments and fails. */
let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'orrery-bootstrap-'));
  mkdirSync(join(project, 'scripts'));
  mkdirSync(join(project, 'bin'));
  cpSync(inProject('scripts/bootstrap.mjs'), join(project, 'scripts/bootstrap.mjs'));
  writeFileSync(join(project, 'scripts/demo.ts'), '');
  lockfile('package-lock.json', {
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '1.0.0', optional: true },
  });
  program('bin/npm', 'echo "npm $*"; exit 3');
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

const lockfile = (name: string, packages: object) =>
  writeFileSync(join(project, name), JSON.stringify({ packages: { '': { name: 'x' }, ...packages } }));

function program(name: string, body: string): void {
  writeFileSync(join(project, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

function installed(packages: object, { withNode = true } = {}): void {
  mkdirSync(join(project, 'node_modules/node/bin'), { recursive: true });
  lockfile('node_modules/.package-lock.json', packages);
  if (withNode) program('node_modules/node/bin/node', 'echo "pinned: $(basename $1) $2"; exit 7');
}

const bootstrap = (...args: string[]) =>
  execa(process.execPath, [join(project, 'scripts/bootstrap.mjs'), ...args], {
    reject: false,
    env: { PATH: `${join(project, 'bin')}:${process.env.PATH}` },
  });

test('runs the script under the pinned Node with its arguments, and exits with its exit code', async () => {
  installed({ 'node_modules/a': { version: '1.0.0' } });
  expect(await bootstrap('demo', '--full')).toMatchObject({ stdout: 'pinned: demo.ts --full', exitCode: 7 });
});

test('runs npm ci if there are no packages yet, and says so if that fails', async () => {
  const { stdout, stderr, exitCode } = await bootstrap('demo');
  expect(stdout).toContain('npm ci');
  expect(stderr).toContain('npm ci failed');
  expect(exitCode).toBe(69);
});

test('runs npm ci if a package has another version than the lockfile', async () => {
  installed({ 'node_modules/a': { version: '0.9.0' } });
  expect((await bootstrap('demo')).stdout).toContain('npm ci');
});

/** Moves node_modules to a folder that a link leads to, as if several clones shared it. */
function share(): string {
  const shared = join(project, 'shared');
  renameSync(join(project, 'node_modules'), shared);
  symlinkSync(shared, join(project, 'node_modules'));
  return shared;
}

test('a linked node_modules is used if it is current', async () => {
  installed({ 'node_modules/a': { version: '1.0.0' } });
  share();
  expect(await bootstrap('demo')).toMatchObject({ stdout: 'pinned: demo.ts ', exitCode: 7 });
});

test('a linked node_modules is replaced if it is not current, and the folder behind the link is kept', async () => {
  installed({ 'node_modules/a': { version: '0.9.0' } });
  const shared = share();
  // What `npm ci` does first. A fake, because the real one needs a registry.
  program('bin/npm', 'rm -rf node_modules/*; exit 3');
  expect((await bootstrap('demo')).exitCode).toBe(69);
  expect(existsSync(join(shared, 'node/bin/node'))).toBe(true);
});

test('says what to do if the install script of the package node did not run', async () => {
  installed({ 'node_modules/a': { version: '1.0.0' } }, { withNode: false });
  const { stderr, exitCode } = await bootstrap('demo');
  expect(stderr).toContain('npm rebuild node');
  expect(exitCode).toBe(69);
});

test('refuses a name that is not a script of the project', async () => {
  expect((await bootstrap('../evil')).stderr).toContain('there is no scripts/../evil.ts');
});

test.each([
  { name: 'worker', want: 'npm ci failed' },
  { name: 'orrery', want: 'run `npm run setup`' },
])(
  'npm run $name on a bare clone runs npm ci or names the command that does, without a stack trace',
  async ({ name, want }) => {
    mkdirSync(join(project, 'cli'));
    for (const file of ['package.json', 'worker.ts', 'cli/main.ts', 'cli/orrery.mjs']) {
      cpSync(inProject(file), join(project, file));
    }
    const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
    const { stderr, exitCode } = await execa(scripts[name], {
      shell: true,
      cwd: project,
      reject: false,
      env: { PATH: `${join(project, 'bin')}:${process.env.PATH}` },
    });
    expect(stderr).toContain(want);
    expect(stderr).not.toContain('    at ');
    expect(exitCode).toBe(69);
  },
);
