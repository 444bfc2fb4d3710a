import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { viewCampaign } from '../../cli/campaigns.ts';
import { isReady } from '../../dev/cluster/api.ts';
import { startComponent, stopComponent } from '../../dev/cluster/processes.ts';
import { readSettings } from '../../dev/cluster/settings.ts';
import { LABELS } from '../../k8s/manifests/labels.ts';
import type { StageStatus } from '../../spec/index.ts';
import { isRunning, jobsOf, podsOf, startCampaign } from '../support/cluster/campaigns.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { aSmallCampaign, type ClusterBench, openClusterBench } from '../support/cluster/workbench.ts';

const OUTAGE_MS = 60_000;
/** Longest time until the status is right again. */
const RIGHT_AGAIN_MS = 5_000;
/**
 * Longest time until the Job controller reports a Job that ended during the outage: it waits longer after each failed
 * try.
 */
const CONTROLLER_MS = 90_000;

/** By campaign: what its `pretrain` does during the outage. */
const CAMPAIGNS = {
  'works-on': { steps: 900 },
  completes: { steps: 200 },
  fails: { steps: 201, faults: { pretrain: [65] } },
} as const;
type Name = keyof typeof CAMPAIGNS;
const NAMES = Object.keys(CAMPAIGNS) as Name[];

const aCampaignOf = (name: Name) =>
  aSmallCampaign({
    name,
    arms: [{ name: 'astro' }],
    until: 'linearise',
    settings: { stepMs: 100, only: ['pretrain'], ...CAMPAIGNS[name] },
  });

test('an API server that is unreachable for 60 s is no failure: pods run on, a stage with all its parts is completed at once, and a failed stage is reported within 5 s of its return', {
  timeout: 300_000,
}, async () => {
  const settings = readSettings();
  if (settings === null) throw new Error('there is no cluster');
  await using bench = await openClusterBench('toy');
  const { namespace } = bench;
  await bench.startWorker();
  const handles = await Promise.all(NAMES.map((name) => startCampaign(bench, name, aCampaignOf(name))));
  const pretrain = (name: Name) => pretrainOf(bench, name);
  for (const name of NAMES) {
    await eventually(`${name} works`, async () => {
      const stage = await pretrainIfAdmitted(bench, name);
      return (stage?.progress?.done ?? 0) > 5;
    });
  }
  const jobs = (await jobsOf(namespace)).map(({ metadata }) => metadata?.uid);
  const pod = await runningPod(bench, 'works-on');

  await stopComponent('kube-apiserver', 0);
  const before = await pretrain('works-on');
  const until = Date.now() + OUTAGE_MS;
  while (Date.now() < until) {
    // Progress comes from the store, which stays reachable.
    for (const name of NAMES) {
      const { state, ...rest } = await pretrain(name);
      expect(rest).toMatchObject({ executions: 1, failures: 0 });
      // The store also shows the end of a stage, by its last part. What only the Job can show stays unknown.
      expect(name === 'completes' ? ['running', 'completed'] : ['running']).toContain(state);
    }
    await sleep(2_000);
  }
  expect((await pretrain('completes')).state, 'by its part').toBe('completed');
  expect((await pretrain('works-on')).progress?.done).toBeGreaterThan(before.progress?.done ?? 0);
  expect((await pretrain('fails')).progress?.done, 'fails has come to its end').toBe(CAMPAIGNS.fails.steps);

  await startComponent('kube-apiserver', settings);
  await eventually('the API server answers', () => isReady(namespace.admin), 30_000);
  const returned = Date.now();
  const [works, completes, fails] = await settled([
    runsAs(bench, pod),
    endOf(bench, 'completes', 'Complete', 'completed'),
    endOf(bench, 'fails', 'Failed', 'failed'),
  ]);
  const after = (at: number) => `${((at - returned) / 1000).toFixed(1)} s`;
  const times = [completes, fails].map(
    ({ pod: ended, told, job }) => `the pod ${after(ended)}, the campaign ${after(told)}, the Job ${after(job)}`,
  );
  console.log(
    `After the return, the running stage is reported after ${after(works)}; the ended ones by ${times.join('; by ')}`,
  );
  // Nobody can know it before the kubelet reports it, and the kubelet may be late.
  for (const { pod: ended, told } of [completes, fails]) expect(told - ended).toBeLessThan(RIGHT_AGAIN_MS);
  expect(await pretrain('completes')).toMatchObject({ executions: 1, failures: 0, attempt: 0 });
  expect(await pretrain('fails')).toMatchObject({ executions: 1, incidents: [{ class: 'InvalidInput' }] });

  // The same Jobs, the same pod and the first execution continue.
  expect((await jobsOf(namespace)).map(({ metadata }) => metadata?.uid)).toEqual(expect.arrayContaining(jobs));
  await eventually('works-on has ended', async () => (await pretrain('works-on')).state === 'completed', 90_000);
  expect(await pretrain('works-on')).toMatchObject({ executions: 1, failures: 0, attempt: 0 });
  for (const name of NAMES) expect(await jobsOfPretrain(bench, name), name).toHaveLength(1);
  await Promise.all(handles.map((handle) => handle.cancel().catch(() => undefined)));
  await Promise.all(handles.map((handle) => handle.result().catch(() => undefined)));
});

async function pretrainOf(bench: ClusterBench, campaign: Name): Promise<StageStatus> {
  const stage = await pretrainIfAdmitted(bench, campaign);
  if (stage === undefined) throw new Error(`${campaign} does not say how pretrain stands`);
  return stage;
}

/** Undefined until the campaign is admitted: it has no stages before. */
async function pretrainIfAdmitted({ client }: ClusterBench, campaign: Name): Promise<StageStatus | undefined> {
  const { status } = await viewCampaign(client, campaign);
  return status?.stages.find(({ name }) => name === 'pretrain');
}

const jobsOfPretrain = async ({ namespace }: ClusterBench, campaign: Name) =>
  (await jobsOf(namespace, 'pretrain')).filter(({ metadata }) => metadata?.labels?.[LABELS.campaign] === campaign);

async function runningPod({ namespace }: ClusterBench, campaign: Name): Promise<string | undefined> {
  const pods = (await podsOf(namespace, 'pretrain')).filter(isRunning);
  return pods.find(({ metadata }) => metadata?.labels?.[LABELS.campaign] === campaign)?.metadata?.uid;
}

/** Time at which the status says that the pod runs. */
async function runsAs(bench: ClusterBench, pod: string | undefined): Promise<number> {
  const runs = async () => {
    const { state, why } = await pretrainOf(bench, 'works-on');
    return (await runningPod(bench, 'works-on')) === pod && state === 'running' && why === null;
  };
  await eventually('the running stage is reported as running', runs, RIGHT_AGAIN_MS);
  return Date.now();
}

/** Times at which the pod, the campaign and the Job report the end of a stage. */
async function endOf(
  bench: ClusterBench,
  campaign: Name,
  condition: 'Complete' | 'Failed',
  state: 'completed' | 'failed',
): Promise<{ pod: number; told: number; job: number }> {
  const { namespace } = bench;
  const when = async (what: string, isSo: () => Promise<boolean>) => {
    await eventually(`${campaign}: ${what}`, isSo, CONTROLLER_MS);
    return Date.now();
  };
  const [pod, told, job] = await settled([
    when('the pod has ended', async () => {
      const pods = (await podsOf(namespace, 'pretrain')).filter(({ status }) => status?.phase !== 'Running');
      return pods.some(({ metadata }) => metadata?.labels?.[LABELS.campaign] === campaign);
    }),
    when(`reported as ${state}`, async () => (await pretrainOf(bench, campaign)).state === state),
    when(`the Job is ${condition}`, async () => {
      const [found] = await jobsOfPretrain(bench, campaign);
      return found?.status?.conditions?.some(({ type, status }) => type === condition && status === 'True') ?? false;
    }),
  ]);
  return { pod, told, job };
}

/** Waits until all have ended, also after a failure, so that none asks a server that is gone by then. */
async function settled<T extends readonly Promise<unknown>[]>(
  all: readonly [...T],
): Promise<{ [I in keyof T]: Awaited<T[I]> }> {
  await Promise.allSettled(all);
  return (await Promise.all(all)) as { [I in keyof T]: Awaited<T[I]> };
}
