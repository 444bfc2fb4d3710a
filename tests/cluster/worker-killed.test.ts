import { expect, test } from 'vitest';
import {
  isLive,
  isRunning,
  jobsOf,
  leftovers,
  podsOf,
  startCampaign,
  statusOf,
  untilNothingIsLeft,
} from '../support/cluster/campaigns.ts';
import { eventually, followJobs } from '../support/cluster/job-story.ts';
import { aSmallCampaign, openClusterBench } from '../support/cluster/workbench.ts';

/** The shortest campaign, with some seconds of work in one stage of it. */
const aShortCampaign = (stage: string, steps: number) =>
  aSmallCampaign({
    arms: [{ name: 'astro' }],
    until: 'linearise',
    settings: { steps, stepMs: 50, only: [stage] },
  });

/** Records whether two Jobs of one stage were ever live at the same time. */
async function watchForTwins(namespace: Parameters<typeof followJobs>[0]) {
  const follower = await followJobs(namespace);
  const twins = new Set<string>();
  const timer = setInterval(() => {
    const live = [...follower.jobs.values()].filter(
      (job) => isLive(job) && job.metadata?.deletionTimestamp === undefined,
    );
    const stages = live.map(({ metadata }) => metadata?.labels?.['orrery.dev/key'] ?? '');
    for (const key of stages) if (stages.indexOf(key) !== stages.lastIndexOf(key)) twins.add(key);
  }, 50);
  return {
    twins,
    [Symbol.dispose]() {
      clearInterval(timer);
      follower.stop();
    },
  };
}

test('each stage has one live Job, although workers are killed while they create and watch it, and a second worker runs', {
  timeout: 400_000,
}, async () => {
  await using bench = await openClusterBench('toy');
  const { namespace } = bench;
  using watch = await watchForTwins(namespace);

  // Dies right after it has created the first Job, before it can report this to Temporal.
  const first = await bench.startWorker({ ORRERY_TEST_DIE: 'after startAttempt' });
  const handle = await startCampaign(bench, 'killed', aShortCampaign('search', 200));
  await new Promise((resolve) => first.process.once('exit', resolve));
  expect((await jobsOf(namespace)).length).toBeGreaterThan(0);

  // Two workers at once; one of them dies while it watches.
  const [second] = await Promise.all([bench.startWorker(), bench.startWorker()]);
  await eventually('search runs', async () => (await podsOf(namespace, 'search')).some(isRunning));
  const [pod] = (await podsOf(namespace, 'search')).filter(isRunning);
  await second?.kill();

  await handle.result();
  const { phase, stages } = await statusOf(handle);
  expect(phase).toBe('completed');
  expect(stages.filter(({ failures }) => failures > 0)).toEqual([]);
  expect(watch.twins).toEqual(new Set());
  // A stage ends when its part is published, before its pod ends.
  await untilNothingIsLeft(namespace);
  // The pod that ran when its worker was killed did all of the work.
  const pods = await podsOf(namespace, 'search');
  expect(pods.filter(({ status }) => status?.phase === 'Succeeded').map(({ metadata }) => metadata?.uid)).toEqual([
    pod?.metadata?.uid,
  ]);
});

test('a worker is killed while it ends a Job: the next worker ends it, and nothing is left', {
  timeout: 300_000,
}, async () => {
  await using bench = await openClusterBench('toy');
  const { namespace } = bench;
  const first = await bench.startWorker({ ORRERY_TEST_DIE: 'before stopJob' });
  const handle = await startCampaign(bench, 'cancelled', aShortCampaign('pretrain', 3000));
  await eventually('pretrain runs', async () => (await podsOf(namespace, 'pretrain')).some(isRunning));
  await handle.cancel();
  await new Promise((resolve) => first.process.once('exit', resolve));
  expect((await podsOf(namespace, 'pretrain')).some(isRunning)).toBe(true);

  await bench.startWorker();
  await expect(handle.result()).rejects.toThrow();
  expect(await leftovers(namespace)).toEqual([]);
});
