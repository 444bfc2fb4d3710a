import { CoreV1Api } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { updateCampaign, viewCampaign } from '../../cli/campaigns.ts';
import { ensureStageImage } from '../../dev/cluster/import-image.ts';
import {
  isRunning,
  jobsOf,
  leftovers,
  podsOf,
  stageOf,
  startCampaign,
  untilStage,
} from '../support/cluster/campaigns.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { findsPlaceFor } from '../support/cluster/scheduler.ts';
import { aSmallCampaign, openClusterBench } from '../support/cluster/workbench.ts';

/** A pause frees GPUs. The scheduler is asked whether they are free. */

/** `pretrain` takes all GPUs of the node and works for minutes, step by step. */
const aHungryCampaign = (seed: number) =>
  aSmallCampaign({
    seed,
    arms: [{ name: 'astro' }],
    until: 'linearise',
    settings: { steps: 3000, stepMs: 100, only: ['pretrain'] },
    run: { pretrain: { resources: { cpus: 0.05, memoryGiB: 0.25, gpus: 8 } } },
  });

test('the scheduler sees the GPUs free after a pause and a cancellation, and used after a resumption', {
  timeout: 180_000,
}, async () => {
  await using bench = await openClusterBench('toy');
  const { namespace, client } = bench;
  const image = await ensureStageImage();
  await bench.startWorker();
  const freeFor = (gpus: number) => findsPlaceFor(gpus, namespace, image);
  const freshStage = async (name: string) =>
    (await viewCampaign(client, 'hungry')).status?.stages.find((stage) => stage.name === name);

  expect(await freeFor(8)).toBe(true);
  const handle = await startCampaign(bench, 'hungry', aHungryCampaign(1));
  await eventually('pretrain runs', async () => (await podsOf(namespace, 'pretrain')).some(isRunning));
  expect(await freeFor(1)).toBe(false);
  await eventually('it has done something', async () => ((await freshStage('pretrain'))?.progress?.done ?? 0) > 10);

  // Returns when no pod is left.
  await updateCampaign(client, 'hungry', 'pause');
  expect(await leftovers(namespace)).toEqual([]);
  expect(await freeFor(8)).toBe(true);
  const paused = await untilStage(handle, 'pretrain', ['paused']);
  const { executions } = paused;

  await updateCampaign(client, 'hungry', 'resume');
  await eventually('pretrain runs again', async () => (await podsOf(namespace, 'pretrain')).some(isRunning));
  expect(await freeFor(1)).toBe(false);
  // The toy continues after the steps in its journal, so no step is done twice.
  await eventually('it goes on', async () => ((await freshStage('pretrain'))?.progress?.from ?? 0) > 0);
  expect((await stageOf(handle, 'pretrain')).executions).toBe(executions + 1);

  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  expect(await leftovers(namespace)).toEqual([]);
  expect(await freeFor(8)).toBe(true);
  const services = await namespace.admin.makeApiClient(CoreV1Api).listNamespacedService({ namespace: namespace.name });
  await eventually('no Job of a cancelled campaign is left to start anything', async () =>
    (await jobsOf(namespace)).every(({ status }) => (status?.active ?? 0) === 0),
  );
  expect(services.items.length).toBeLessThanOrEqual((await jobsOf(namespace)).length);
});
