/**
 * How the cluster of this project is, or the one that `KUBECONFIG` names. Ends with 1 when a part of it does not run.
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
    console.log('there is no cluster of this project: make one with `npm run cluster:up`');
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
    console.log(`  node ${name.padEnd(19)} ${ready ? 'Ready' : 'not ready'}, ${gpus} GPUs (none of them exists)`);
  }
  if (fake.length > 0)
    console.log(`  ${fake.length} fake nodes, ${fake.filter(({ ready }) => ready).length} of them Ready`);
  console.log(`kubeconfig ${kubeconfigPath()}\nkubectl    ${binaryPath('kubectl')}`);
  const whole = version !== null && components.every(([, pid]) => pid !== null) && nodes.every(({ ready }) => ready);
  if (!whole) console.log('`npm run cluster:up` starts what is missing');
  return whole ? EXIT.ok : EXIT.failed;
}
