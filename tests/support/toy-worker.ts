/** A worker for toy stage programs in a process of its own, to be killed: `node toy-worker.ts ADDRESS STORE HOME`. */
import { createToyWorker } from './worker.ts';

const [address = '', store = '', home = ''] = process.argv.slice(2);
const worker = await createToyWorker({ address, store, home });
await worker.run();
