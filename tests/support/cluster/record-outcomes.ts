/**
 * Records what Kubernetes says of a Job for every way in which one can go, each caused for real on the cluster of this
 * machine:
 *
 *     npm run cluster:up
 *     npx node tests/support/cluster/record-outcomes.ts             # all of them, about ten minutes
 *     npx node tests/support/cluster/record-outcomes.ts oom-killed  # some
 *
 * The files in tests/k8s/recorded/ are what `outcome` (k8s/) is tested against.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { inProject } from '../../../config/paths.ts';
import { ensureStageImage } from '../../../dev/cluster/import-image.ts';
import { readyNode } from '../../../dev/cluster/node.ts';
import { startComponent } from '../../../dev/cluster/processes.ts';
import { readSettings } from '../../../dev/cluster/settings.ts';
import { clusterStatus } from '../../../dev/cluster/status.ts';
import { followJobs } from './job-story.ts';
import { RECORDINGS } from './recordings.ts';
import { testNamespace } from './test-namespace.ts';

/**
 * What tells nothing about how a Job went: who wrote which field, what a node has on its disk, what was asked for in
 * the first place.
 */
const NOISE = ['managedFields', 'images', 'nodeInfo', 'template', 'volumes', 'volumeMounts', 'env', 'volumesInUse'];

const settings = readSettings();
const version = (await clusterStatus())?.version;
if (settings === null || !version) throw new Error('there is no cluster: run `npm run cluster:up`');
const image = await ensureStageImage();
const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(RECORDINGS);
const folder = inProject('tests', 'k8s', 'recorded');
mkdirSync(folder, { recursive: true });

for (const name of names) {
  const recording = RECORDINGS[name];
  if (recording === undefined)
    throw new Error(`no recording is called ${name}; there are ${Object.keys(RECORDINGS).join(', ')}`);
  const began = Date.now();
  await using namespace = await testNamespace('rec', { anyNode: name === 'node-removed' });
  const follower = await followJobs(namespace);
  try {
    await recording.act({ ...namespace, settings, image, job: name, follower });
    // What follows at once, such as the end of other pods, belongs to it.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const story = await follower.story(name);
    const recorded = { how: recording.how, kubernetes: version, ...story };
    const text = JSON.stringify(recorded, withoutNoise, 2).replaceAll(namespace.name, 'orrery');
    writeFileSync(`${folder}/${name}.json`, `${text}\n`);
    console.log(`${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  } finally {
    follower.stop();
    if (await startComponent('kubelet', settings)) await readyNode(namespace.admin, 60_000);
  }
}
process.exit();

function withoutNoise(key: string, value: unknown): unknown {
  return NOISE.includes(key) ? undefined : value;
}
