/**
 * Stops the worker and the Temporal server that a killed demo, or a demo with `--keep`, left running on this machine.
 *
 *     npm run down
 *
 * Stages run in processes of their own and keep running. To stop them too, pause the campaign first
 * (`npx orrery pause ID`).
 */
import { EXIT, runMain } from '../config/command-errors.ts';
import { SERVER_FILES } from '../dev/project-temporal.ts';
import { stopTemporal } from '../dev/temporal-server.ts';
import { stopWorker } from '../dev/worker-process.ts';

await runMain(async () => {
  console.log((await stopWorker()) ? 'the worker has stopped' : 'no worker of this project was running');
  console.log((await stopTemporal(SERVER_FILES)) ? 'Temporal has stopped' : 'no Temporal of this project was running');
  return EXIT.ok;
});
