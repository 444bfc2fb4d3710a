/**
 * Removes this project's cluster: its pods, processes, mounts, network and files. The store and the built programs
 * stay.
 *
 *     npm run cluster:down
 */
import { EXIT, runMain } from '../config/command-errors.ts';
import { clusterDown } from '../dev/cluster/down.ts';

await runMain(async () => {
  const removed = await clusterDown((line) => console.error(`orrery: ${line}`));
  console.log(removed ? 'the cluster is removed' : 'this project has no cluster');
  return EXIT.ok;
});
