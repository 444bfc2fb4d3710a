/**
 * Shows the state of this project's cluster, or of the cluster that `KUBECONFIG` names. Exits with 1 when a component
 * does not run.
 *
 *     npm run cluster:status
 */
import { EXIT, type ExitCode, runMain } from '../config/command-errors.ts';
import { binaryPath } from '../dev/cluster/binaries.ts';
import { foreignCluster, foreignKubeconfig } from '../dev/cluster/foreign.ts';
import { kubeconfigPath } from '../dev/cluster/paths.ts';
import { type ClusterStatus, clusterStatus } from '../dev/cluster/status.ts';

await runMain(async () => {
  const foreign = foreignKubeconfig();
  if (foreign !== null) {
    const { server, version } = await foreignCluster(foreign);
    console.log(`KUBECONFIG names ${server}, Kubernetes ${version}`);
    return EXIT.ok;
  }
  const status = await clusterStatus();
  if (status === null) {
    console.log('this project has no cluster: start one with `npm run cluster:up`');
    return EXIT.failed;
  }
  return show(status);
});

function show({ server, components, version, nodes }: ClusterStatus): ExitCode {
  console.log(`${server}  ${version === null ? 'does not answer' : `Kubernetes ${version}`}`);
  for (const [name, pid] of components)
    console.log(`  ${name.padEnd(24)} ${pid === null ? 'does not run' : `pid ${pid}`}`);
  const fake = nodes.filter(({ name }) => !name.startsWith('real-'));
  for (const { name, ready, gpus } of nodes.filter((node) => !fake.includes(node))) {
    console.log(`  node ${name.padEnd(19)} ${ready ? 'Ready' : 'not ready'}, ${gpus} simulated GPUs`);
  }
  if (fake.length > 0)
    console.log(`  ${fake.length} fake nodes, ${fake.filter(({ ready }) => ready).length} of them Ready`);
  console.log(`kubeconfig ${kubeconfigPath()}\nkubectl    ${binaryPath('kubectl')}`);
  const isHealthy =
    version !== null && components.every(([, pid]) => pid !== null) && nodes.every(({ ready }) => ready);
  if (!isHealthy) console.log('`npm run cluster:up` starts the missing components');
  return isHealthy ? EXIT.ok : EXIT.failed;
}
