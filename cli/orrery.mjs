#!/usr/bin/env node
/** Starts under any Node (>= 20), and runs start.mjs under the Node that the project pins. */
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const start = fileURLToPath(new URL('./start.mjs', import.meta.url));

/** Null while node_modules is not installed. */
function pinnedNode() {
  try {
    return realpathSync(join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node'));
  } catch {
    return null;
  }
}

function runUnder(node) {
  const child = spawn(node, [start, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.on('SIGINT', () => {}); // The terminal sends Ctrl-C to the child as well.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    process.removeAllListeners(signal); // Without this, the process would survive the signal and exit with 0.
    process.kill(process.pid, signal);
  });
}

const node = pinnedNode();
if (node === null) {
  console.error(
    `orrery: the Node packages are not installed\n        run \`npm run setup\` in ${dirname(dirname(start))}`,
  );
  process.exit(69);
}
// `npx` and `npm run` find the pinned Node first. It needs no second process.
if (realpathSync(process.execPath) === node) await import('./start.mjs');
else runUnder(node);
