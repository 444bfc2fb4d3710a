/**
 * A worker for toy stage programs in a process of its own, to be killed: `node toy-worker.ts ADDRESS STORE HOME`. It prints a line when it
 * polls. `ORRERY_TEST_DIE` names a moment at which it kills itself: `before sealStage`, `after awaitJob`.
 */
import { createToyWorker } from './worker.ts';

const [address = '', store = '', home = ''] = process.argv.slice(2);
const [when, activity] = (process.env.ORRERY_TEST_DIE ?? '').split(' ');
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('killed');
};
const worker = await createToyWorker({ address, store, home }, (activities) =>
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
);
console.log('polls');
await worker.run();
process.exit(0);
