/**
 * Starts a real Kubernetes cluster on this machine: builds it, boots it and prepares it for a worker. Existing parts
 * are kept. When `KUBECONFIG` names a cluster, the script only checks that cluster. See docs/cluster.md.
 *
 *     npm run cluster:up
 */
import prettyMs from 'pretty-ms';
import { EXIT, runMain } from '../config/command-errors.ts';
import { quoted } from '../config/printed-commands.ts';
import { foreignCluster, foreignKubeconfig } from '../dev/cluster/foreign.ts';
import { kubeconfigPath } from '../dev/cluster/paths.ts';
import { clusterTaskQueue, clusterUp, workerEnvironment } from '../dev/cluster/up.ts';
import { setup } from '../dev/setup/setup.ts';

await runMain(async () => {
  const foreign = foreignKubeconfig();
  if (foreign !== null) {
    const { server, version } = await foreignCluster(foreign);
    console.log(`using the cluster that KUBECONFIG names: ${server}, Kubernetes ${version}; nothing was started`);
    return EXIT.ok;
  }
  await setup();
  const began = Date.now();
  await clusterUp((line) => console.error(`orrery: ${line}`));
  const variables = { ...workerEnvironment(), ORRERY_TASK_QUEUE: clusterTaskQueue() };
  const worker = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`);
  console.log(
    [
      `the cluster is up (${prettyMs(Date.now() - began)}): export KUBECONFIG=${kubeconfigPath()}`,
      `start a worker for it: ${worker.join(' ')} npm run worker`,
    ].join('\n'),
  );
  return EXIT.ok;
});
