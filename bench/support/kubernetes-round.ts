/**
 * One round of bench/kubernetes-load.ts: a worker, so many campaigns at once, what it asked of the API server. Prints JSON on the third file
 * descriptor: `node --expose-gc kubernetes-round.ts KUBECONFIG CAMPAIGNS 3>round.json`.
 */
import { writeSync } from 'node:fs';
import type { CampaignStatus } from '../../spec/index.ts';
import { type FakeCluster, openFakeCluster } from '../../tests/support/fake-cluster.ts';
import { simulatedCampaign } from './simulated-campaign.ts';

export const STAGE_SECONDS = 1;

export interface Round {
  readonly campaigns: number;
  readonly stages: number;
  readonly seconds: number;
  /** By verb and resource. */
  readonly requests: Readonly<Record<string, number>>;
  readonly watches: number;
  /** Resident before the first campaign, and at most. */
  readonly idleMiB: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
}

async function runRound(cluster: FakeCluster, campaigns: number): Promise<Round> {
  await cluster.addNodes(32);
  const pods = await cluster.simulate(STAGE_SECONDS);
  const worker = await cluster.startWorker();
  const idleMiB = process.memoryUsage().rss / 2 ** 20;
  const began = performance.now();
  try {
    const handles = await Promise.all(
      Array.from({ length: campaigns }, (_, index) => {
        const input = simulatedCampaign(1 + index);
        const start = { taskQueue: 'orrery', workflowId: input.name, args: [input] };
        return cluster.client.workflow.start('campaign', start);
      }),
    );
    const stages = await Promise.all(
      handles.map(async (handle) => {
        await handle.result();
        return (await handle.query<CampaignStatus>('status')).stages.length;
      }),
    );
    const seconds = (performance.now() - began) / 1000;
    const requests = Object.fromEntries([...worker.kube.requests].toSorted());
    globalThis.gc?.();
    return {
      ...{ campaigns, requests, seconds, idleMiB },
      stages: stages.reduce((sum, count) => sum + count, 0),
      watches: Object.entries(requests).reduce((sum, [verb, count]) => sum + (verb.startsWith('WATCH') ? count : 0), 0),
      rssMiB: process.resourceUsage().maxRSS / 1024,
      heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
    };
  } finally {
    await worker.stop();
    pods.stop();
  }
}

if (import.meta.main) {
  const [kubeconfig = '', campaigns = '1'] = process.argv.slice(2);
  const cluster = await openFakeCluster(kubeconfig, 'load');
  try {
    writeSync(3, JSON.stringify(await runRound(cluster, Number(campaigns))));
  } finally {
    await cluster.close();
  }
  process.exit(0);
}
