/**
 * Starts Temporal's development server on this machine and leaves it running, or stops it.
 *
 *     npm run temporal [-- --port 7233 --ui-port 8233]
 *     npm run temporal -- --stop
 */
import { Command } from 'commander';
import { EXIT, runMain } from '../config/command-errors.ts';
import { parsePort } from '../config/ports.ts';
import { SERVER_FILES, startProjectTemporal } from '../dev/project-temporal.ts';
import { setup } from '../dev/setup/setup.ts';
import { stopTemporal } from '../dev/temporal-server.ts';

await runMain(async () => {
  const { port, uiPort, stop } = new Command('npm run temporal --')
    .description('Start the Temporal development server and leave it running.')
    .option(
      '--port <port>',
      'port of the service (default: ORRERY_TEMPORAL_PORT, else the last port, else 7233 or a free one)',
      (text) => parsePort(text, '--port'),
    )
    .option('--ui-port <port>', 'port of the UI (default: 1000 above)', (text) => parsePort(text, '--ui-port'))
    .option('--stop', 'stop the server that this project started')
    .exitOverride()
    .parse()
    .opts<{ port?: number; uiPort?: number; stop?: true }>();

  if (stop) {
    console.log(
      (await stopTemporal(SERVER_FILES)) ? 'Temporal has stopped' : 'no Temporal of this project was running',
    );
    return EXIT.ok;
  }
  await setup();
  const server = await startProjectTemporal({ port: port ?? null, uiPort: uiPort ?? null });
  console.log(`Temporal ${server.started ? 'started' : 'runs already'} at ${server.address}`);
  console.log(`UI: ${server.uiAddress}`);
  console.log(`namespace ${server.place.namespace}, task queue ${server.place.taskQueue}`);
  return EXIT.ok;
});
