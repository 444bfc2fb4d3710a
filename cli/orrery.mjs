#!/usr/bin/env node
/** `orrery` under whichever Node (>= 20) is there: goes on with main.ts under the Node that the project pins. */
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
process.on('SIGINT', () => {}); // Ctrl-C reaches the program by itself
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code ?? 1);
  process.removeAllListeners(signal); // else it would be survived here, and the end would look like a success
  process.kill(process.pid, signal);
});
