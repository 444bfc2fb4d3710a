import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NativeConnection, Worker } from '@temporalio/worker';
import { inProject } from '../config/paths.ts';
import type { JobObservation } from '../executor/index.ts';
import { CampaignSpec, type CampaignStatus, planCampaign } from '../spec/index.ts';
import { progressPath, stageDir } from '../store/index.ts';
import { aCampaign, openWorkbench, type Workbench } from '../tests/support/worker.ts';
import { workflowBundle } from '../worker/bundle.ts';
import { type Benchmark, numberText, under } from './benchmark.ts';
import { summarise } from './statistics.ts';
import { lastOf, timelineOf } from './support/timeline.ts';

const CAMPAIGNS = 5;
/**
 * Time of each of the three steps of a toy stage. After two seconds the worker has finished all work that the start
 * caused.
 */
const STEP_MS = 700;
const EMPTY_STAGES = 60;
const MEDIAN_MS = 150;
/** Of the median to that of empty stages. */
const RATIO = 1.25;
const P95_MS = 500;

/** One hop: from the end of a stage's pods to the start of the next stage's first process. Times in ms. */
interface Hop {
  readonly from: string;
  readonly to: string;
  /** Whether no other stage of the campaign ran during the hop. */
  readonly alone: boolean;
  /** From the end of the last program to the start of the next. */
  readonly total: number;
  readonly parts: Parts;
  /**
   * From the start of the first process to the first report of the program. It is not dead time, but a person waits for
   * it.
   */
  readonly programMs: number | null;
}

/** The parts of a hop, in order. */
interface Parts {
  /**
   * The program has ended -> `awaitJob` returns with the manifest: the supervisor notices and writes a record, the
   * worker reads it and seals the stage.
   */
  readonly sealed: number;
  /** -> the next stage's workflow is started. */
  readonly handedOver: number;
  /** -> its key is computed, no finished stage has it, the attempt is claimed and its job is on disk. */
  readonly claimed: number;
  /** -> the supervisor runs and starts the first process. */
  readonly supervised: number;
}
const PART_NAMES: Readonly<Record<keyof Parts, string>> = {
  sealed: 'program has ended → stage sealed, `awaitJob` returns',
  handedOver: '→ next stage’s workflow starts',
  claimed: '→ key computed, attempt claimed, job on disk',
  supervised: '→ supervisor starts the first process',
};

export const deadTime: Benchmark = {
  name: 'dead-time',
  question: 'How long is a machine idle between the end of one stage and the start of the next?',
  method: `${CAMPAIGNS} toy campaigns of one arm run one after the other on a real Temporal server, worker, store and local executor. The
stage programs are toys (tests/support/toy) that work for two seconds, so that only orrery's own time shows. A hop starts when the supervisor
sees the last program of a stage end, and ends when the supervisor of the next stage starts its first process. Hops during which another stage
of the campaign ran are counted separately.

The baseline is in the same run, on the same server: ${EMPTY_STAGES} empty stages in sequence, each a child workflow with the same activities
and signals, and nothing in them. One campaign before the first count warms caches.`,

  async run({ say }) {
    const bench = await openWorkbench();
    const worker = await bench.startWorker();
    try {
      const hops: Hop[] = [];
      for (let index = 0; index <= CAMPAIGNS; index += 1) {
        say(index === 0 ? 'a campaign to warm up' : `campaign ${index} of ${CAMPAIGNS}`);
        const found = await hopsOfCampaign(bench, index);
        if (index > 0) hops.push(...found);
      }
      say('empty stages');
      const temporal = await emptyHops(bench);
      return findings(hops, temporal);
    } finally {
      await worker.stop();
      await bench.close();
    }
  },
};

function findings(hops: readonly Hop[], temporal: readonly number[]): Awaited<ReturnType<Benchmark['run']>> {
  const alone = hops.filter((hop) => hop.alone);
  const ours = summarise(alone.map(({ total }) => total));
  const all = summarise(hops.map(({ total }) => total));
  const empty = summarise(temporal);
  const partRows = (Object.keys(PART_NAMES) as (keyof Parts)[]).map((part) => {
    const { median, p95 } = summarise(alone.map(({ parts }) => parts[part]));
    return [PART_NAMES[part], numberText(median), numberText(p95)];
  });
  const programs = hops.flatMap(({ programMs }) => programMs ?? []);
  return {
    goals: [
      under('median of hops with nothing else running', ours.median, MEDIAN_MS, 'ms'),
      under('the same, relative to empty stages', ours.median / empty.median, RATIO, 'times'),
      under('95th percentile of these hops', ours.p95, P95_MS, 'ms'),
    ],
    tables: [
      {
        title: 'From the end of a stage to the start of the next, in ms',
        columns: ['hops', 'n', 'median', 'p95', 'max', 'ratio to Temporal'],
        rows: [
          ['with nothing else running', ours],
          ['all', all],
          ['empty stages: Temporal alone', empty],
        ].map(([what, summary]) => {
          const { n, median, p95, max } = summary as typeof ours;
          const ratio = numberText(median / empty.median);
          return [what as string, n, numberText(median), numberText(p95), numberText(max), ratio];
        }),
      },
      {
        title: 'Where the time goes, with nothing else running, in ms',
        columns: ['part', 'median', 'p95'],
        rows: partRows,
      },
    ],
    notes: [
      `Temporal's share, measured by the empty stages: ${numberText((100 * empty.median) / ours.median)} % of the median hop.`,
      ...(programs.length === 0
        ? []
        : [
            `From the start of the first process to the first report of a toy program (policy server, Node, first step): median ${numberText(summarise(programs).median)} ms. This is the program's own time, so it is not counted.`,
          ]),
    ],
    data: { hops, emptyHopsMs: temporal },
  };
}

/** Runs one campaign and reads its hops from its job records and histories. */
async function hopsOfCampaign({ client, home, store }: Workbench, index: number): Promise<Hop[]> {
  const spec = CampaignSpec.parse(
    aCampaign({ arms: [{ name: 'astro' }], seed: 1000 + index, settings: { stepMs: STEP_MS } }),
  );
  const workflowId = `dead-time-${index}`;
  const handle = await client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [spec] });
  await handle.result();
  const { stages } = await handle.query<CampaignStatus>('status');
  const campaign = timelineOf(await handle.fetchHistory());
  const records = new Map(
    await Promise.all(stages.map(async ({ name, key }) => [name, await recordOf(name, key ?? '')] as const)),
  );
  const spans = [...records.values()];
  return planCampaign(spec).flatMap(({ name, reads }): Hop[] => {
    const next = records.get(name);
    const before = Object.values(reads)
      .map((read) => records.get(read))
      .filter((record) => record !== undefined)
      .toSorted((a, b) => b.endedAt - a.endedAt)[0];
    if (next === undefined || before === undefined) return [];
    const others = spans.filter((span) => span !== next && span !== before);
    // Another stage keeps the worker busy from the computation of its key until its seal.
    const alone = !others.some((other) => other.askedAt < next.startedAt && other.sealedAt > before.endedAt);
    const parts: Parts = {
      sealed: before.sealedAt - before.endedAt,
      handedOver: next.askedAt - before.sealedAt,
      claimed: next.submittedAt - next.askedAt,
      supervised: next.startedAt - next.submittedAt,
    };
    const programMs = next.beganAt === null ? null : next.beganAt - next.startedAt;
    return [{ from: before.name, to: name, alone, total: next.startedAt - before.endedAt, parts, programMs }];
  });

  async function recordOf(name: string, key: string) {
    const prefix = `${workflowId}-${name.replaceAll('/', '-')}-${key.slice(0, 8)}`;
    const job = readdirSync(join(home, 'jobs')).find((folder) => folder.startsWith(prefix));
    if (job === undefined) throw new Error(`expected a job ${prefix} in ${home}, but there is none`);
    const state = await readJson<JobObservation>(join(home, 'jobs', job, 'state.json'));
    const { submittedAt } = await readJson<{ submittedAt: string }>(join(home, 'jobs', job, 'job.json'));
    const progress = await readJson<{ beganAt?: string }>(progressPath(stageDir(store, key), 0)).catch(() => null);
    const own = timelineOf(await client.workflow.getHandle(`${workflowId}/${name}`).fetchHistory());
    return {
      name,
      askedAt: lastOf(campaign, 'ChildWorkflowExecutionStarted', { child: `${workflowId}/${name}` }).at,
      submittedAt: Date.parse(submittedAt),
      startedAt: Math.min(...state.pods.flatMap(({ startedAt }) => (startedAt === null ? [] : Date.parse(startedAt)))),
      beganAt: progress?.beganAt === undefined ? null : Date.parse(progress.beganAt),
      endedAt: Math.max(...state.pods.flatMap(({ finishedAt }) => (finishedAt === null ? [] : Date.parse(finishedAt)))),
      sealedAt: lastOf(own, 'ActivityTaskCompleted', { activity: 'awaitJob' }).at,
    };
  }
}

async function emptyHops({ client, address }: Workbench): Promise<number[]> {
  const connection = await NativeConnection.connect({ address });
  const instant = async () => {
    const now = Date.now();
    return { startedAt: now, finishedAt: now };
  };
  const worker = await Worker.create({
    connection,
    taskQueue: 'empty',
    workflowBundle: await workflowBundle({ workflows: inProject('bench/support/empty-workflows.ts') }),
    activities: { instant },
  });
  try {
    return await worker.runUntil(
      client.workflow.execute('emptyCampaign', { taskQueue: 'empty', workflowId: 'empty', args: [EMPTY_STAGES] }),
    );
  } finally {
    await connection.close();
  }
}

const readJson = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, 'utf8')) as T;
