/**
 * Removes the cluster of this project: its pods, processes, mounts, network and files. The store and what was built stay.
 *
 *     npm run cluster:down
 */
import { EXIT, runMain } from '../config/command-errors.ts';
import { clusterDown } from '../dev/cluster/down.ts';

await runMain(async () => {
  const removed = await clusterDown((line) => console.error(`orrery: ${line}`));
  console.log(removed ? 'the cluster is gone' : 'there was no cluster of this project');
  return EXIT.ok;
});
