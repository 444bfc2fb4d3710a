import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CampaignSpec, type CampaignStatus, planCampaign } from '../spec/index.ts';
import { partsDir, stageDir } from '../store/index.ts';
import { aSmallCampaign, type ClusterBench, openClusterBench } from '../tests/support/cluster/workbench.ts';
import { ensureCluster } from '../tests/support/fake-cluster.ts';
import { type JobTimes, watchJobTimes } from '../tests/support/job-times.ts';
import { type Benchmark, numberText, under } from './benchmark.ts';
import { summarise } from './statistics.ts';
import { lastOf, timelineOf } from './support/timeline.ts';

const CAMPAIGNS = 3;
/** A toy program takes steps of this time. */
const STEPS = { steps: 2, stepMs: 250 } as const;
const MEDIAN_MS = 500;
const P95_MS = 1000;
/** The median, relative to stages that wait for the completion of their Job. */
const RATIO = 0.25;
/** The Job of the last stage is complete within this time after the campaign. */
const LAST_JOB_MS = 30_000;

/** From the last part of a stage in the store to the creation of the next Job, and where the time goes. In ms. */
interface Hop {
  readonly from: string;
  readonly to: string;
  readonly total: number;
  /** From the last part to the completion of the Job of `from`, as a watch sees it. */
  readonly completion: number;
  readonly parts: Parts;
}
interface Parts {
  readonly sealed: number;
  readonly handedOver: number;
  readonly submitted: number;
}
const PART_NAMES: Readonly<Record<keyof Parts, string>> = {
  sealed: 'the last part is in the store → stage sealed, `awaitJob` returns',
  handedOver: '→ next stage’s workflow starts',
  submitted: '→ key computed, nodes checked, attempt claimed, Job created',
};

/** The hop of a stage that waits for the completion of its Job: at least the same work follows, without the sealing. */
const waiting = ({ total, completion, parts }: Hop): number => completion + total - parts.sealed;

export const kubernetesDeadTime: Benchmark = {
  name: 'kubernetes-dead-time',
  question: 'How long does a cluster wait between the last output of a stage and the Job of the next?',
  method: `${CAMPAIGNS} campaigns of one arm run one after the other on a real Temporal server, worker and store, and on the project's Kubernetes
cluster (real API server, etcd, scheduler, controllers, kubelet, containerd). Toy programs of ${STEPS.steps * STEPS.stepMs} ms keep the pod contract in real containers, with
a policy server as a sidecar where a stage has one. A hop starts when the last part of the stage is written (the time of its file), which is the
last thing that a program does. It ends when a watch beside the worker's sees the Job of the next stage created. The baseline is a stage that waits
for the completion of its Job, as the same watch sees it in the same hop. The worker lists the nodes before each Job, which is the default. One
campaign before the first count warms caches. All processes share the machine's cores.`,

  async run({ say }) {
    await ensureCluster(say);
    await using bench = await openClusterBench('toy');
    const watch = await watchJobTimes(bench.namespace.admin, bench.namespace.name);
    await bench.startWorker();
    try {
      const hops: Hop[] = [];
      for (let index = 0; index <= CAMPAIGNS; index += 1) {
        say(index === 0 ? 'a campaign to warm up' : `campaign ${index} of ${CAMPAIGNS}`);
        const found = await campaignHops(bench, watch.times, index);
        if (index > 0) hops.push(...found);
      }
      return findings(hops);
    } finally {
      await watch.stop();
    }
  },
};

function findings(hops: readonly Hop[]): Awaited<ReturnType<Benchmark['run']>> {
  const all = summarise(hops.map(({ total }) => total));
  const baseline = summarise(hops.map(waiting));
  const row = (name: string, of: (hop: Hop) => number) => {
    const { n, median, p95, max } = summarise(hops.map(of));
    return [name, n, numberText(median), numberText(p95), numberText(max)];
  };
  const rows = (Object.keys(PART_NAMES) as (keyof Parts)[]).map((part) => {
    const { median, p95 } = summarise(hops.map(({ parts }) => parts[part]));
    return [PART_NAMES[part], numberText(median), numberText(p95)];
  });
  return {
    goals: [
      under('median from the last part in the store to the creation of the next Job', all.median, MEDIAN_MS, 'ms'),
      under('95th percentile of these times', all.p95, P95_MS, 'ms'),
      under(
        'median, relative to stages that wait for the completion of their Job',
        all.median / baseline.median,
        RATIO,
        'times',
      ),
    ],
    tables: [
      {
        title: 'From the last part in the store, in ms',
        columns: ['until', 'hops', 'median', 'p95', 'max'],
        rows: [
          row('the next Job is created', ({ total }) => total),
          row('the Job is complete', ({ completion }) => completion),
          row('the next Job, of stages that wait for that', waiting),
        ],
      },
      { title: 'Where the time goes, in ms', columns: ['part', 'median', 'p95'], rows },
    ],
    notes: [
      'Where the time to completion goes, by a watch of the pods: the kubelet lists its containers once a second, and reports the end of the main container 0.5 to 1.1 s after it; the pod is `Succeeded` 1 to 1.5 s later, once its sandbox is gone; the Job controller waits up to a second for more ends, takes its finalizer off the pod, and then completes the Job.',
      'Argo Workflows on the same machine, on another day, from the end of the main container to the creation of the next pod: 6 s, and 2 to 3 s with `DEFAULT_REQUEUE_TIME=1s`.',
      'The next pod starts when its resources are free: one that needs the GPUs of the stage before waits until the kubelet has ended that pod.',
    ],
    data: { hops },
  };
}

async function campaignHops(
  { client, store }: ClusterBench,
  times: ReadonlyMap<string, JobTimes>,
  index: number,
): Promise<Hop[]> {
  const workflowId = `dead-time-${index}`;
  // Another seed, so that no stage is reused.
  const input = { ...aSmallCampaign({ arms: [{ name: 'astro' }], settings: STEPS }), seed: 1000 + index };
  const handle = await client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [input] });
  await handle.result();
  const { stages } = await handle.query<CampaignStatus>('status');
  if (stages.some(({ state }) => state !== 'completed')) throw new Error(`not every stage of ${workflowId} has run`);
  const campaign = timelineOf(await handle.fetchHistory());
  await untilComplete(() => [...times.values()].filter((one) => one.campaign === workflowId));

  const job = (stage: string): JobTimes & { completeAt: number; partAt: number } => {
    const found = [...times.values()].find((one) => one.campaign === workflowId && one.stage === stage);
    if (found === undefined || found.completeAt === null) throw new Error(`no Job of ${stage} was seen to complete`);
    return { ...found, completeAt: found.completeAt, partAt: lastPartAt(store, found.key) };
  };
  return await Promise.all(
    planCampaign(CampaignSpec.parse(input)).flatMap(({ name, reads }) => {
      const before = Object.values(reads).toSorted((a, b) => job(b).partAt - job(a).partAt)[0];
      return before === undefined ? [] : [hop(before, name)];
    }),
  );

  async function hop(from: string, to: string): Promise<Hop> {
    const own = async (stage: string) =>
      timelineOf(await client.workflow.getHandle(`${workflowId}/${stage}`).fetchHistory());
    const before = await own(from);
    const sealedAt = lastOf(before, 'ActivityTaskCompleted', { activity: 'awaitJob' }).at;
    const askedAt = lastOf(campaign, 'ChildWorkflowExecutionStarted', { child: `${workflowId}/${to}` }).at;
    const { partAt, completeAt } = job(from);
    const { createdAt } = job(to);
    return {
      from,
      to,
      total: createdAt - partAt,
      completion: completeAt - partAt,
      parts: {
        sealed: sealedAt - partAt,
        handedOver: askedAt - sealedAt,
        submitted: createdAt - askedAt,
      },
    };
  }
}

/** When the last part of a stage was written. A file gets its name right after its content. */
function lastPartAt(store: string, key: string): number {
  const folder = partsDir(stageDir(store, key));
  return Math.max(...readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs));
}

/** A campaign ends before the Job of its last stage is complete. */
async function untilComplete(jobs: () => readonly JobTimes[]): Promise<void> {
  const deadline = performance.now() + LAST_JOB_MS;
  while (jobs().some(({ completeAt }) => completeAt === null) && performance.now() < deadline) await sleep(100);
}
