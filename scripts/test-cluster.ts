/**
 * Runs the tests in tests/cluster/ on a real Kubernetes cluster. Uses this project's cluster, or starts it and removes
 * it at the end unless `--keep` is given. Other arguments go to vitest.
 *
 *     npm run test:cluster
 *     npm run test:cluster -- --keep tests/cluster/pause.test.ts
 */
import { execa } from 'execa';
import { CommandError, EXIT, runMain } from '../config/command-errors.ts';
import { inProject, PROJECT } from '../config/paths.ts';
import { clusterDown } from '../dev/cluster/down.ts';
import { foreignKubeconfig } from '../dev/cluster/foreign.ts';
import { readSettings } from '../dev/cluster/settings.ts';
import { clusterUp } from '../dev/cluster/up.ts';
import { setup } from '../dev/setup/setup.ts';

const keep = process.argv.includes('--keep');
const args = process.argv.slice(2).filter((arg) => arg !== '--keep');
const print = (line: string) => console.error(`orrery: ${line}`);

await runMain(async () => {
  const foreign = foreignKubeconfig();
  if (foreign !== null) {
    throw new CommandError(
      EXIT.usage,
      `KUBECONFIG names ${foreign}, and these tests stop the API server and the kubelet of the cluster they run on`,
      'run them with `env -u KUBECONFIG npm run test:cluster`',
    );
  }
  await setup();
  const existed = readSettings() !== null;
  await clusterUp(print);
  try {
    const { failed } = await execa(process.execPath, [inProject('node_modules/vitest/vitest.mjs'), 'run', ...args], {
      cwd: PROJECT,
      stdio: 'inherit',
      reject: false,
      env: { PYTHONPATH: inProject('trainers'), ORRERY_TEST_CLUSTER: '1' },
    });
    return failed ? EXIT.failed : EXIT.ok;
  } finally {
    if (!existed && !keep) await clusterDown(print);
  }
});
