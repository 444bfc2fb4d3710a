import { CampaignSpec, type CampaignStatus, planCampaign } from '../spec/index.ts';
import { ensureCluster, type FakeCluster, openFakeCluster } from '../tests/support/fake-cluster.ts';
import { type JobTimes, watchJobTimes } from '../tests/support/job-times.ts';
import { type Benchmark, numberText, under, withoutTarget } from './benchmark.ts';
import { summarise } from './statistics.ts';
import { simulatedCampaign } from './support/simulated-campaign.ts';
import { lastOf, timelineOf } from './support/timeline.ts';

const CAMPAIGNS = 5;
const STAGE_SECONDS = 1;
const MEDIAN_MS = 200;
const P95_MS = 1000;
/** Number of stages in the longest chain of a campaign with one arm. */
const CHAIN = ['prepare', 'search', 'linearise', 'rewrite', 'sft', 'curriculum', 'rl', 'evaluate-rl', 'analyse'];

/** From the completion of a Job to the creation of the next, and where the time goes. In ms. */
interface Hop {
  readonly from: string;
  readonly to: string;
  readonly total: number;
  readonly parts: Parts;
}
interface Parts {
  readonly sealed: number;
  readonly handedOver: number;
  readonly submitted: number;
}
const PART_NAMES: Readonly<Record<keyof Parts, string>> = {
  sealed: 'Job is complete → stage sealed, `awaitJob` returns',
  handedOver: '→ next stage’s workflow starts',
  submitted: '→ key computed, nodes checked, attempt claimed, Job created',
};

export const kubernetesDeadTime: Benchmark = {
  name: 'kubernetes-dead-time',
  question: 'How long are the GPUs of a cluster idle between the Job of one stage and the Job of the next?',
  method: `${CAMPAIGNS} campaigns of one arm run one after the other on a real Temporal server, worker and store, and on the project's
Kubernetes cluster (real API server, etcd, scheduler, controllers). Pods are on fake nodes (KWOK): a simulation in its own process plays each
program for ${STAGE_SECONDS} s and writes the parts. A hop starts when a watch beside the worker's sees the completion of the last Job that a
stage reads, and ends when it sees the stage's Job created. The worker lists the nodes before each Job, which is the default. One campaign
before the first count warms caches. All processes share the machine's cores.`,

  async run({ say }) {
    const cluster = await openFakeCluster(await ensureCluster(say), 'dead-time');
    await cluster.addNodes(8);
    const watch = await watchJobTimes(cluster.config, cluster.namespace);
    const pods = await cluster.simulate(STAGE_SECONDS);
    const worker = await cluster.startWorker();
    try {
      const hops: Hop[] = [];
      const chains: number[] = [];
      for (let index = 0; index <= CAMPAIGNS; index += 1) {
        say(index === 0 ? 'a campaign to warm up' : `campaign ${index} of ${CAMPAIGNS}`);
        const found = await campaignHops(cluster, watch.times, index);
        if (index === 0) continue;
        hops.push(...found.hops);
        chains.push(found.seconds);
      }
      return findings(hops, chains);
    } finally {
      await worker.stop();
      pods.stop();
      await watch.stop();
      await cluster.close();
    }
  },
};

function findings(hops: readonly Hop[], chains: readonly number[]): Awaited<ReturnType<Benchmark['run']>> {
  const all = summarise(hops.map(({ total }) => total));
  const chain = summarise(chains);
  const podSeconds = CHAIN.length * STAGE_SECONDS;
  const rows = (Object.keys(PART_NAMES) as (keyof Parts)[]).map((part) => {
    const { median, p95 } = summarise(hops.map(({ parts }) => parts[part]));
    return [PART_NAMES[part], numberText(median), numberText(p95)];
  });
  return {
    goals: [
      under('median from the completion of a Job to the creation of the next', all.median, MEDIAN_MS, 'ms'),
      under('95th percentile of these times', all.p95, P95_MS, 'ms'),
      withoutTarget(
        `${CHAIN.length} stages of ${STAGE_SECONDS} s in a chain, from the creation of the first Job to the completion of the last`,
        `${numberText(chain.median)} s, ${numberText(chain.median / podSeconds)} times the programs’ ${podSeconds} s`,
      ),
    ],
    tables: [
      {
        title: 'From completion to creation, in ms',
        columns: ['hops', 'median', 'p95', 'max'],
        rows: [[all.n, numberText(all.median), numberText(all.p95), numberText(all.max)]],
      },
      { title: 'Where the time goes, in ms', columns: ['part', 'median', 'p95'], rows },
    ],
    notes: [
      'The rest of the chain’s time, besides programs and dead time, is Kubernetes’ own: it creates and schedules a pod, KWOK starts it, and the Job controller sees its end.',
      'The longest chain of the recipe has nine stages.',
    ],
    data: { hops, chainSeconds: chains },
  };
}

async function campaignHops(
  { client }: FakeCluster,
  times: ReadonlyMap<string, JobTimes>,
  index: number,
): Promise<{ hops: Hop[]; seconds: number }> {
  const input = simulatedCampaign(1000 + index);
  const workflowId = input.name;
  const handle = await client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [input] });
  await handle.result();
  const { stages } = await handle.query<CampaignStatus>('status');
  if (stages.some(({ state }) => state !== 'completed')) throw new Error(`not every stage of ${workflowId} has run`);
  const campaign = timelineOf(await handle.fetchHistory());
  const job = (stage: string): JobTimes & { completeAt: number } => {
    const found = [...times.values()].find((one) => one.campaign === workflowId && one.stage === stage);
    if (found === undefined || found.completeAt === null) throw new Error(`no Job of ${stage} was seen to complete`);
    return { ...found, completeAt: found.completeAt };
  };
  const hops = await Promise.all(
    planCampaign(CampaignSpec.parse(input)).flatMap(({ name, reads }) => {
      const before = Object.values(reads).toSorted((a, b) => job(b).completeAt - job(a).completeAt)[0];
      return before === undefined ? [] : [hop(before, name)];
    }),
  );
  const seconds = (job('analyse').completeAt - job('prepare').createdAt) / 1000;
  return { hops, seconds };

  async function hop(from: string, to: string): Promise<Hop> {
    const own = async (stage: string) =>
      timelineOf(await client.workflow.getHandle(`${workflowId}/${stage}`).fetchHistory());
    const before = await own(from);
    const sealedAt = lastOf(before, 'ActivityTaskCompleted', { activity: 'awaitJob' }).at;
    const askedAt = lastOf(campaign, 'ChildWorkflowExecutionStarted', { child: `${workflowId}/${to}` }).at;
    const { completeAt } = job(from);
    const { createdAt } = job(to);
    return {
      from,
      to,
      total: createdAt - completeAt,
      parts: {
        sealed: sealedAt - completeAt,
        handedOver: askedAt - sealedAt,
        submitted: createdAt - askedAt,
      },
    };
  }
}
