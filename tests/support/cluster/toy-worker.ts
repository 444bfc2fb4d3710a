/** A worker on the cluster for toy stage programs, in a process of its own, to be killed. All it needs is in its environment. */
import { chooseExecutor } from '../../../executors.ts';
import { createLogger } from '../../../logging.ts';
import { createToyWorker } from '../worker.ts';

const { TEMPORAL_ADDRESS: address = '', ORRERY_STORE: store = '', ORRERY_HOME: home = '' } = process.env;
const log = createLogger();
const {
  machine: _,
  close,
  ...acting
} = await chooseExecutor(process.env, {
  ...{ home, projectRoot: process.cwd(), store, python: 'python3', log, spares: 0 },
});
const [when, activity] = (process.env.ORRERY_TEST_DIE ?? '').split(' ');
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('killed');
};
const worker = await createToyWorker(
  { address, store, home },
  (activities) =>
    activity === undefined
      ? activities
      : {
          ...activities,
          [activity]: async (...args: unknown[]) => {
            if (when === 'before') die();
            const result = await (activities as Record<string, (...args: unknown[]) => unknown>)[activity]?.(...args);
            if (when === 'after') die(); // done, and nobody was told
            return result;
          },
        },
  acting,
);
log.info('worker started');
await worker.run();
close();
process.exit(0);
