// A worker process for tests: `node worker.ts HOME STORE REQUEST THEN STANDBY` waits for its standby supervisors and
// submits a job. Then it ends. With `stay` it runs until it is killed; with `suspend` it suspends the job once that has
// started.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRequest } from '../../../executor/index.ts';
import { createLocalExecutor } from '../../../local/index.ts';

const [home, store, request, then, standby] = process.argv.slice(2);
const silent = { info() {}, warn() {} };
const executor = createLocalExecutor({
  home: home!,
  store: store!,
  projectRoot: process.cwd(),
  python: process.execPath,
  log: silent,
  standby: Number(standby),
});
const waiting = join(home!, 'spares');
mkdirSync(waiting, { recursive: true });
while (readdirSync(waiting).length < Number(standby)) await sleep(20);
const job = JSON.parse(request!) as JobRequest;
await executor.submit(job);
console.log('submitted');
if (then === 'stay') setInterval(() => {}, 1000);
if (then === 'suspend') {
  const hasBegun = (): boolean => {
    try {
      return readFileSync(join(store!, 'notes.txt'), 'utf8').includes('begin 0');
    } catch {
      return false; // it has noted nothing yet
    }
  };
  while (!hasBegun()) await sleep(20);
  await executor.suspend(job.name);
}
