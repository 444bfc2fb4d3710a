/**
 * Entry point of `npm run demo`, `npm test`, `npm run setup`, `npm run worker` and others. It runs on a bare clone,
 * under any Node >= 20, so it is plain JavaScript without dependencies. It runs `npm ci` if node_modules is missing or
 * differs from package-lock.json. Then it runs `scripts/<what>.ts`, or `<what>.ts` beside package.json, under the Node
 * that the project pins (npm package `node`).
 *
 *     node scripts/bootstrap.mjs demo --seed 1
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, statfsSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
/** Space for node_modules and npm's cache. Measured: 0.7 GB. */
const NODE_MODULES_GB = 2;

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeModules = join(project, 'node_modules');
const pinnedNode = join(nodeModules, 'node', 'bin', 'node');

/** Prints the problem and its remedy, and exits with 69 (something required is missing). */
function refuse(problem, remedy) {
  console.error(`orrery: ${problem}\n        ${remedy}`);
  process.exit(69);
}

const packagesOf = (lockfile) => JSON.parse(readFileSync(lockfile, 'utf8')).packages ?? {};

/** Whether node_modules holds the versions of package-lock.json. npm records what it installed in a hidden lockfile. */
function isInstalled() {
  const hidden = join(nodeModules, '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const installed = packagesOf(hidden);
  return Object.entries(packagesOf(join(project, 'package-lock.json'))).every(
    ([path, { version, optional, devOptional, peer }]) =>
      path === '' ||
      installed[path]?.version === version ||
      (!(path in installed) && (optional || devOptional || peer)),
  );
}

function install() {
  const { bavail, bsize } = statfsSync(project);
  const freeGb = (bavail * bsize) / 1e9;
  if (freeGb < NODE_MODULES_GB) {
    refuse(
      `the Node packages need ${NODE_MODULES_GB} GB of disk space, but ${freeGb.toFixed(1)} GB are free in ${project}`,
      'free some space there, then run the same command again',
    );
  }
  // `npm ci` empties node_modules first. If node_modules is a link, that would empty a folder that other clones use.
  if (lstatSync(nodeModules, { throwIfNoEntry: false })?.isSymbolicLink()) unlinkSync(nodeModules);
  console.error('orrery: installing the Node packages (npm ci)');
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: project, stdio: 'inherit' });
  if (error)
    refuse('npm was not found on the PATH', 'install Node 20 or newer with npm: https://nodejs.org/en/download');
  if (status !== 0) {
    refuse(
      'npm ci failed; its error is printed above',
      'mend it, then run the same command again (is the registry reachable? after a change of package.json, run `npm install` once)',
    );
  }
}

/**
 * Runs the script and exits as it exits. Ctrl-C reaches the script directly, so SIGINT is ignored here; SIGTERM and
 * SIGHUP are forwarded.
 */
function runUnderPinnedNode(script, args) {
  const child = spawn(pinnedNode, [script, ...args], {
    cwd: project,
    stdio: 'inherit',
    // As under `npm run`: programs of the project come before those of the system.
    env: { ...process.env, PATH: `${join(nodeModules, '.bin')}:${process.env.PATH ?? ''}` },
  });
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) =>
    refuse(`the pinned Node does not start (${error.message})`, 'remove node_modules, then run the same command again'),
  );
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    process.removeAllListeners(signal); // Otherwise this process would ignore the signal and exit with 0.
    process.kill(process.pid, signal);
  });
}

const [what = '', ...args] = process.argv.slice(2);
const script = [join(project, 'scripts', `${what}.ts`), join(project, `${what}.ts`)].find(existsSync);
const [major] = process.versions.node.split('.').map(Number);

if (!/^[a-z-]+$/.test(what) || script === undefined) {
  refuse(`there is no scripts/${what}.ts`, 'use `npm run demo`, `npm test` or `npm run setup`');
}
if (major < OLDEST_NODE) {
  refuse(
    `Node ${process.versions.node} is too old, ${OLDEST_NODE} or newer is needed`,
    'install it from https://nodejs.org/en/download',
  );
}
if (!isInstalled()) install();
if (!existsSync(pinnedNode)) {
  refuse(
    'node_modules/node has no bin/node: its install script, which downloads Node 24, did not run',
    'run `npm rebuild node --ignore-scripts=false`',
  );
}
runUnderPinnedNode(script, args);
