/**
 * Way in of `npm run demo`, `npm test`, `npm run setup`, `npm run worker` and others: plain JavaScript without dependencies, for it is what runs on a bare clone
 * under whichever Node (>= 20) is there. It installs the Node packages where they are missing or differ from package-lock.json, then
 * goes on with `scripts/<what>.ts`, or `<what>.ts` beside package.json, under the Node that the project pins (npm package `node`).
 *
 *     node scripts/bootstrap.mjs demo --seed 1
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
/** What node_modules takes, with room for npm's cache. Measured: 0.7 GB. */
const NODE_MODULES_GB = 2;

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const pinnedNode = join(project, 'node_modules', 'node', 'bin', 'node');

/** Says in one line what stands in the way and what mends it, and ends. 69: something needed is not there. */
function refuse(problem, remedy) {
  console.error(`orrery: ${problem}\n        ${remedy}`);
  process.exit(69);
}

const packagesOf = (lockfile) => JSON.parse(readFileSync(lockfile, 'utf8')).packages ?? {};

/** Whether node_modules holds what package-lock.json asks for. npm keeps its own account of it in a hidden lockfile. */
function isInstalled() {
  const hidden = join(project, 'node_modules', '.package-lock.json');
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
  console.error('orrery: installing the Node packages (npm install)');
  // Not `npm ci`: it refuses a lockfile that was written against a registry without every platform's binaries. This takes the locked
  // versions all the same, checks their hashes, and leaves the lockfile as it is.
  const { status, error } = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
    cwd: project,
    stdio: 'inherit',
  });
  if (error)
    refuse('npm was not found on the PATH', 'install Node 20 or newer with npm: https://nodejs.org/en/download');
  if (status !== 0) {
    refuse(
      'npm install failed; what it said stands above',
      'run `npm install` by itself once that is mended (is the registry reachable?)',
    );
  }
}

/** The program's exit is ours. Ctrl-C reaches it by itself, so here it is only survived; SIGTERM and SIGHUP are handed on. */
function goOnAs(script, args) {
  const child = spawn(pinnedNode, [script, ...args], {
    cwd: project,
    stdio: 'inherit',
    // Programs that the script starts by name come from the project first, as under `npm run`.
    env: { ...process.env, PATH: `${join(project, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` },
  });
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) =>
    refuse(
      `the pinned Node does not start (${error.message})`,
      'run `rm -rf node_modules`, then the same command again',
    ),
  );
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    process.removeAllListeners(signal); // else it would be survived here, and the end would look like a success
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
    'node_modules/node has no bin/node: its install script, which places Node 24, did not run',
    'run `npm rebuild node --ignore-scripts=false`',
  );
}
goOnAs(script, args);
