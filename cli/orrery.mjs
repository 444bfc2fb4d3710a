#!/usr/bin/env node
/** Starts under any Node (>= 20) and runs main.ts with the Node that the project pins. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

function pinnedNode() {
  try {
    const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
    return existsSync(node) ? node : null;
  } catch {
    return null; // no node_modules yet
  }
}

const node = pinnedNode();
if (node === null) {
  console.error(
    `orrery: the Node packages are not installed\n        run \`npm run setup\` in ${dirname(dirname(main))}`,
  );
  process.exit(69);
}
const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
process.on('SIGINT', () => {}); // The terminal sends Ctrl-C to the child as well.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code ?? 1);
  process.removeAllListeners(signal); // Without this, the process would survive the signal and exit with 0.
  process.kill(process.pid, signal);
});
