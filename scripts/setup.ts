/**
 * Installs the Python environment that the programs need (see dev/setup/setup.ts), and builds the workflow bundle, so
 * that no worker has to.
 *
 *     npm run setup
 */
import { EXIT, runMain } from '../config/command-errors.ts';
import { setup } from '../dev/setup/setup.ts';
import { workflowBundle } from '../worker/bundle.ts';

await runMain(async () => {
  await setup();
  await workflowBundle();
  return EXIT.ok;
});
