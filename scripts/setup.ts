/**
 * Installs the Python environment that the programs need. See dev/setup/setup.ts.
 *
 *     npm run setup
 */
import { EXIT, runMain } from '../config/command-errors.ts';
import { setup } from '../dev/setup/setup.ts';

await runMain(async () => {
  await setup();
  return EXIT.ok;
});
