/**
 * One round of bench/kubernetes-load.ts: one worker, many campaigns at once, and its requests to the API server. Prints
 * JSON on the third file descriptor: `node --expose-gc kubernetes-round.ts KUBECONFIG CAMPAIGNS 3>round.json`.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowHandle,
} from '@temporalio/client';
import PQueue from 'p-queue';
import { type FakeCluster, openFakeCluster } from '../../tests/support/fake-cluster.ts';
import type { campaign } from '../../workflows/index.ts';
import { simulatedCampaign } from './simulated-campaign.ts';

export const STAGE_SECONDS = 1;

/** Campaigns are started a few at a time, and then all run in parallel. */
const STARTS_AT_ONCE = 8;
const BUSY_MS = 2_000;
/** Number of retries when Temporal does not answer or is busy. */
const TRIES = 100;

type Handle = WorkflowHandle<typeof campaign>;

export interface Round {
  readonly campaigns: number;
  readonly stages: number;
  readonly seconds: number;
  /** Verb and resource -> number of requests. */
  readonly requests: Readonly<Record<string, number>>;
  /** Largest number of open watches. */
  readonly watches: number;
  /** Resident memory before the first campaign, and its maximum. */
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
    const starts = new PQueue({ concurrency: STARTS_AT_ONCE });
    const all = Array.from({ length: campaigns }, (_, index) => starts.add(() => start(cluster.client, 1 + index)));
    const ended = Promise.all(all).then((handles) => Promise.all(handles.map(stagesOf)));
    const stages = await Promise.race([ended, pods.died]);
    const seconds = (performance.now() - began) / 1000;
    const requests = Object.fromEntries([...worker.kube.requests].toSorted());
    globalThis.gc?.();
    return {
      campaigns,
      requests,
      seconds,
      idleMiB,
      stages: stages.reduce((sum, count) => sum + count, 0),
      watches: worker.kube.watches.most,
      rssMiB: process.resourceUsage().maxRSS / 1024,
      heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
    };
  } finally {
    await worker.stop();
    pods.stop();
  }
}

/** Starts a campaign. It may exist already when an earlier answer was lost. */
async function start(client: Client, seed: number): Promise<Handle> {
  const input = simulatedCampaign(seed);
  const workflowId = input.name;
  await retryWhileBusy(() =>
    client.workflow.start<typeof campaign>('campaign', { taskQueue: 'orrery', workflowId, args: [input] }),
  ).catch((error: unknown) => {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  });
  return client.workflow.getHandle<typeof campaign>(workflowId);
}

/** Waits for a campaign and returns its number of stages, from its result. */
const stagesOf = async (handle: Handle): Promise<number> =>
  Object.keys((await retryWhileBusy(() => handle.result())).stages).length;

async function retryWhileBusy<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ServiceError) || tries === TRIES) throw error;
      await sleep(BUSY_MS);
    }
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
