import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { viewCampaign } from '../../cli/campaigns.ts';
import { isReady } from '../../cluster/api.ts';
import { startComponent, stopComponent } from '../../cluster/processes.ts';
import { readSettings } from '../../cluster/settings.ts';
import { isRunning, jobsOf, podsOf, startCampaign } from '../support/cluster/campaigns.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { aSmallCampaign, openClusterBench } from '../support/cluster/workbench.ts';

const OUTAGE_MS = 60_000;
/** Within which the status is to be right again. */
const RIGHT_AGAIN_MS = 5_000;

/** `prepare` ends while nobody can ask; `pretrain` works on beyond that. */
const aLongCampaign = () =>
  aSmallCampaign({
    ...{ arms: [{ name: 'astro' }], until: 'linearise' },
    settings: { steps: 900, stepMs: 100, only: ['pretrain'] },
  });

test('an API server that is away for 60 s is no failure: nothing starts anew, and the status is right within 5 s of its return', {
  timeout: 300_000,
}, async () => {
  const settings = readSettings();
  if (settings === null) throw new Error('there is no cluster');
  await using bench = await openClusterBench('toy');
  const { namespace, client } = bench;
  await bench.startWorker();
  const handle = await startCampaign(bench, 'outage', aLongCampaign());
  const pretrain = async () =>
    (await viewCampaign(client, 'outage')).status?.stages.find(({ name }) => name === 'pretrain');
  await eventually('pretrain works', async () => ((await pretrain())?.progress?.done ?? 0) > 5);
  const jobs = (await jobsOf(namespace)).map(({ metadata }) => metadata?.uid);
  const [pod] = (await podsOf(namespace, 'pretrain')).filter(isRunning);

  await stopComponent('kube-apiserver', 0);
  const before = await pretrain();
  const until = Date.now() + OUTAGE_MS;
  while (Date.now() < until) {
    // Progress comes through the store, which is there.
    const now = await pretrain();
    expect(now).toMatchObject({ state: 'running', executions: 1, failures: 0 });
    await sleep(2_000);
  }
  expect((await pretrain())?.progress?.done).toBeGreaterThan(before?.progress?.done ?? 0);

  await startComponent('kube-apiserver', settings);
  await eventually('the API server answers', () => isReady(namespace.admin), 30_000);
  const returned = Date.now();
  await eventually(
    'the status is right',
    async () => {
      const [stage, pods] = [await pretrain(), await podsOf(namespace, 'pretrain')];
      const works = pods.some((one) => isRunning(one) && one.metadata?.uid === pod?.metadata?.uid);
      return works && stage?.state === 'running' && stage.why === null;
    },
    RIGHT_AGAIN_MS,
  );
  console.log(`right ${((Date.now() - returned) / 1000).toFixed(1)} s after the return`);

  // What was there is what goes on: the same Jobs, the same pod, the first execution.
  expect((await jobsOf(namespace)).map(({ metadata }) => metadata?.uid)).toEqual(expect.arrayContaining(jobs));
  await eventually('pretrain has ended', async () => (await pretrain())?.state === 'completed', 90_000);
  expect(await pretrain()).toMatchObject({ executions: 1, failures: 0, attempt: 0 });
  expect(await jobsOf(namespace, 'pretrain')).toHaveLength(1);
  await handle.cancel();
  await handle.result().catch(() => undefined);
});
