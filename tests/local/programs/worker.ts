// A worker process for tests: `node worker.ts HOME STORE REQUEST [stay]` submits a job, then ends or stays until it is killed.
import { createLocalExecutor } from '../../../local/index.ts';

const [home, store, request, then] = process.argv.slice(2);
const silent = { info() {}, warn() {} };
const executor = createLocalExecutor({
  ...{ home: home!, store: store!, projectRoot: process.cwd(), python: process.execPath, log: silent },
});
await executor.submit(JSON.parse(request!));
console.log('submitted');
if (then === 'stay') setInterval(() => {}, 1000);
