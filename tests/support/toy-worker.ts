/**
 * A worker for toy stage programs as a process that tests can kill: `node toy-worker.ts ADDRESS STORE HOME [QUEUE]`. It
 * prints a line when it polls.
 */
import { dying } from './dying.ts';
import { createToyWorker } from './worker.ts';

const [address = '', store = '', home = '', taskQueue] = process.argv.slice(2);
const queue = taskQueue === undefined ? {} : { taskQueue };
const worker = await createToyWorker({ address, store, home, ...queue }, dying);
console.log('polls');
await worker.run();
process.exit(0);
