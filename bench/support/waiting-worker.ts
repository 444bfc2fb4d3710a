/**
 * A worker without activities, so that its workflows wait for ever: `node --expose-gc bench/support/waiting-worker.ts
 * ADDRESS BUNDLE`. It runs workflows in its main thread, whose heap it can measure. It answers each message of its
 * parent with what it has used so far.
 */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

/** What the worker has used since its start. */
export interface Used {
  readonly cpuMs: number;
  /** After a full collection. */
  readonly heapBytes: number;
}

const [address = '', codePath = ''] = process.argv.slice(2);
const collect = globalThis.gc as (() => void) | undefined;
if (collect === undefined) throw new Error('expected the option --expose-gc');

Runtime.install({ logger: new DefaultLogger('ERROR') });
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue: 'waiting',
  workflowBundle: { codePath },
  debugMode: true,
  maxCachedWorkflows: 10_000,
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  // A second collection frees what finalizers of the first released.
  for (let times = 0; times < 2; times += 1) collect();
  process.send?.({ cpuMs: (user + system) / 1000, heapBytes: process.memoryUsage().heapUsed } satisfies Used);
});
process.on('disconnect', () => worker.shutdown());
process.send?.('ready');
await worker.run();
await connection.close();
