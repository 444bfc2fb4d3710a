// A worker process for tests: `node worker.ts HOME STORE REQUEST THEN SPARES` waits for its spares and submits a job, then ends, or with `stay`
// stays until it is killed.
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalExecutor } from '../../../local/index.ts';

const [home, store, request, then, spares] = process.argv.slice(2);
const silent = { info() {}, warn() {} };
const executor = createLocalExecutor({
  ...{ home: home!, store: store!, projectRoot: process.cwd(), python: process.execPath, log: silent },
  spares: Number(spares),
});
const waiting = join(home!, 'spares');
mkdirSync(waiting, { recursive: true });
while (readdirSync(waiting).length < Number(spares)) await sleep(20);
await executor.submit(JSON.parse(request!));
console.log('submitted');
if (then === 'stay') setInterval(() => {}, 1000);
