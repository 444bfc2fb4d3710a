import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import { inProject } from '../config/paths.ts';
import { startTemporal } from '../tests/support/temporal.ts';
import { aCampaign } from '../tests/support/worker.ts';
import { workflowBundle } from '../worker/bundle.ts';
import { type Benchmark, numberText, type Table, under, withoutTarget } from './benchmark.ts';
import { summarise } from './statistics.ts';
import type { Used } from './support/waiting-worker.ts';

const WORKFLOWS = { short: 100, full: 400 };
const ROUNDS = { short: 3, full: 7 };
const LIMITS = { cpuMs: 5, heapKiB: 150 };

/** CPU and heap of a worker for one more workflow. */
interface Weight {
  readonly cpuMs: number;
  readonly heapKiB: number;
}

export const workflowWeight: Benchmark = {
  name: 'workflow-weight',
  question: 'What does one more open workflow cost a worker?',
  method: `A real worker in a process of its own, on a real Temporal server, takes ${WORKFLOWS.short} campaigns, which wait for their first
activity, as no worker runs activities. Each campaign evaluates the whole workflow bundle, and so would each stage. The CPU time and the heap
after a collection, before and after, give the cost of one. The baseline is a workflow with the SDK and nothing else in its bundle, in the same
run; workers of both take turns. Workflows run in the main thread of the worker, because only its heap can be measured.`,

  async run({ full, say }) {
    const temporal = await startTemporal();
    const connection = await Connection.connect({ address: temporal.address });
    const client = new Client({ connection });
    const bundles = {
      sdk: await workflowBundle({ workflows: inProject('bench/support/waiting-workflow.ts') }),
      orrery: await workflowBundle(),
    };
    const count = full ? WORKFLOWS.full : WORKFLOWS.short;
    const weights = { sdk: [] as Weight[], orrery: [] as Weight[] };
    try {
      for (let round = 0; round < (full ? ROUNDS.full : ROUNDS.short); round += 1) {
        for (const who of ['sdk', 'orrery'] as const) {
          say(`round ${round + 1}: ${count} workflows of ${who}`);
          const type = who === 'sdk' ? 'waiting' : 'campaign';
          weights[who].push(await weigh(client, temporal.address, bundles[who].codePath, type, count));
        }
      }
    } finally {
      await connection.close();
      await temporal.stop();
    }
    const ours = await modulesOf(bundles.orrery.codePath);
    return findings(weights, ours);
  },
};

/** Starts workflows of a type and measures what their worker uses for one. */
async function weigh(client: Client, address: string, codePath: string, type: string, count: number): Promise<Weight> {
  const worker = fork(inProject('bench/support/waiting-worker.ts'), [address, codePath], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    await once(worker, 'message');
    // The first workflow compiles the bundle.
    await startAndPark(client, type, 1);
    const before = await used(worker);
    await startAndPark(client, type, count);
    const after = await used(worker);
    return {
      cpuMs: (after.cpuMs - before.cpuMs) / count,
      heapKiB: (after.heapBytes - before.heapBytes) / 1024 / count,
    };
  } finally {
    const ended = once(worker, 'exit');
    worker.disconnect();
    await ended;
    for await (const { workflowId } of client.workflow.list({ query: 'ExecutionStatus = "Running"' })) {
      await client.workflow.getHandle(workflowId).terminate();
    }
  }
}

/** Starts workflows, and waits until the worker has finished the first task of each. */
async function startAndPark(client: Client, type: string, count: number): Promise<void> {
  const handles = await Promise.all(
    Array.from({ length: count }, () => {
      const workflowId = `${type}-${crypto.randomUUID()}`;
      return client.workflow.start(type, { taskQueue: 'waiting', workflowId, args: [aCampaign()] });
    }),
  );
  for (const handle of handles) {
    // Started, task scheduled, task started, task completed.
    while ((await handle.describe()).historyLength < 4) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function used(worker: ChildProcess): Promise<Used> {
  const answer = once(worker, 'message') as Promise<[Used]>;
  worker.send('measure');
  return (await answer)[0];
}

/** Number and size of the modules of a bundle by package, largest first. */
async function modulesOf(codePath: string): Promise<Table> {
  const code = await readFile(codePath, 'utf8');
  const owners = new Map<string, { modules: number; kB: number }>();
  const starts = [...code.matchAll(/^\/\*\*\*\/ "\.\/([^"]+)"/gm)];
  starts.forEach(({ 1: path = '', index }, at) => {
    const owner = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? `${path.split('/')[0]}/`;
    const sum = owners.get(owner) ?? { modules: 0, kB: 0 };
    owners.set(owner, { modules: sum.modules + 1, kB: sum.kB + ((starts[at + 1]?.index ?? index) - index) / 1000 });
  });
  return {
    title: 'What each workflow evaluates',
    columns: ['package or folder', 'modules', 'kB'],
    rows: [...owners]
      .toSorted(([, a], [, b]) => b.kB - a.kB)
      .map(([owner, { modules, kB }]) => [owner, modules, numberText(kB)]),
  };
}

function findings(weights: Record<'sdk' | 'orrery', readonly Weight[]>, modules: Table) {
  const median = (who: 'sdk' | 'orrery', what: keyof Weight) => summarise(weights[who].map((one) => one[what])).median;
  const above = (what: keyof Weight) => median('orrery', what) - median('sdk', what);
  return {
    goals: [
      under('CPU of one campaign, above the SDK alone', above('cpuMs'), LIMITS.cpuMs, 'ms'),
      under('heap of one campaign, with the SDK', median('orrery', 'heapKiB'), LIMITS.heapKiB, 'KiB'),
      withoutTarget('CPU of one campaign, with the SDK', `${numberText(median('orrery', 'cpuMs'))} ms`),
    ],
    tables: [
      {
        title: 'One more workflow costs a worker',
        columns: ['workflow', 'CPU, ms', 'heap, KiB', 'CPU, ratio', 'heap, ratio'],
        rows: (['orrery', 'sdk'] as const).map((who) => [
          who === 'orrery' ? 'a campaign' : 'the SDK alone',
          numberText(median(who, 'cpuMs')),
          numberText(median(who, 'heapKiB')),
          numberText(median(who, 'cpuMs') / median('sdk', 'cpuMs')),
          numberText(median(who, 'heapKiB') / median('sdk', 'heapKiB')),
        ]),
      },
      modules,
    ],
    notes: ['CPU includes the calls of the server, the first task of the workflow, and the garbage collector.'],
    data: weights,
  };
}
