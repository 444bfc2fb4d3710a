/**
 * A worker on the cluster for toy stage programs, in a process of its own, to be killed. All it needs is in its
 * environment.
 */
import { chooseExecutor } from '../../../worker/executors.ts';
import { createLogger } from '../../../worker/logging.ts';
import { dying } from '../dying.ts';
import { createToyWorker } from '../worker.ts';

const { TEMPORAL_ADDRESS: address = '', ORRERY_STORE: store = '', ORRERY_HOME: home = '' } = process.env;
const log = createLogger();
const { executor } = await chooseExecutor(process.env, {
  home,
  projectRoot: process.cwd(),
  store,
  python: 'python3',
  log,
  standby: 0,
});
const worker = await createToyWorker({ address, store, home }, dying, executor);
log.info('worker started');
await worker.run();
executor[Symbol.dispose]();
process.exit(0);
