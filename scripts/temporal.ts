/**
 * Starts Temporal's development server on this machine and leaves it running, or stops it.
 *
 *     npm run temporal [-- --port 7233 --ui-port 8233]
 *     npm run temporal -- --stop
 */
import { Command } from 'commander';
import { EXIT, runMain } from '../cli/errors.ts';
import { parsePort } from '../cli/ports.ts';
import { setup } from './setup.ts';
import { ensureTemporal, projectServer, stopTemporal } from './temporal-server.ts';

await runMain(async () => {
  const { port, uiPort, stop } = new Command('npm run temporal --')
    .description('Start the Temporal development server and leave it running.')
    .option('--port <port>', 'port of the service (default: 7233, or ORRERY_TEMPORAL_PORT)', (text) =>
      parsePort(text, '--port'),
    )
    .option('--ui-port <port>', 'port of the UI (default: 1000 above)', (text) => parsePort(text, '--ui-port'))
    .option('--stop', 'stop the server that this project started')
    .exitOverride()
    .parse()
    .opts<{ port?: number; uiPort?: number; stop?: true }>();

  const settings = projectServer({ port, uiPort });
  if (stop) {
    console.log((await stopTemporal(settings)) ? 'Temporal has stopped' : 'no Temporal of this project was running');
    return EXIT.ok;
  }
  await setup();
  const server = await ensureTemporal(settings);
  console.log(`Temporal ${server.started ? 'started' : 'runs already'} at ${server.address}`);
  console.log(`UI: ${server.uiAddress}`);
  return EXIT.ok;
});
