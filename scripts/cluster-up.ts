/**
 * A real Kubernetes cluster on this machine: built, booted and made ready for a worker; what is there already is left as it is. Where
 * `KUBECONFIG` names a cluster, that one is looked at instead. See docs/cluster.md.
 *
 *     npm run cluster:up
 */
import prettyMs from 'pretty-ms';
import { EXIT, runMain } from '../config/command-errors.ts';
import { foreignCluster, foreignKubeconfig } from '../dev/cluster/foreign.ts';
import { kubeconfigPath } from '../dev/cluster/paths.ts';
import { clusterUp, workerEnvironment } from '../dev/cluster/up.ts';
import { setup } from '../dev/setup/setup.ts';

await runMain(async () => {
  const foreign = foreignKubeconfig();
  if (foreign !== null) {
    const { server, version } = await foreignCluster(foreign);
    console.log(`KUBECONFIG names a cluster, which is used: ${server}, Kubernetes ${version}; nothing was started`);
    return EXIT.ok;
  }
  await setup();
  const began = Date.now();
  await clusterUp((line) => console.error(`orrery: ${line}`));
  const worker = Object.entries(workerEnvironment()).map(([name, value]) => `${name}=${value}`);
  console.log(
    [
      `the cluster is up (${prettyMs(Date.now() - began)}): export KUBECONFIG=${kubeconfigPath()}`,
      `a worker for it: ${worker.join(' ')} npm run worker`,
    ].join('\n'),
  );
  return EXIT.ok;
});
