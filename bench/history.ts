import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { TEMPORAL } from '../config/paths.ts';
import { CampaignSpec, type CampaignStatus } from '../spec/index.ts';
import { aCampaign, createToyWorker, openWorkbench } from '../tests/support/worker.ts';
import { workflowBundle } from '../worker/bundle.ts';
import { type Benchmark, type Goal, numberText, withoutTarget } from './benchmark.ts';
import { BIG_FILE, BIG_TRAINING, bigCampaign, NODES } from './simulation/big-training.ts';
import { campaignActivities } from './simulation/campaign-activities.ts';
import { openSkipping, quietRuntime } from './simulation/environment.ts';
import { RATES } from './simulation/failure-model.ts';
import { createGang } from './simulation/gang.ts';
import { bytesOf, type History, timelineOf } from './support/timeline.ts';

const EVENTS_PER_DAY = 500;
const MANY_SHARDS = 100;
/**
 * Days of each execution. Together the campaign takes thirty: the parallel training of both arms takes twenty of them.
 */
const DAYS = { prepare: 0.1, search: 6, linearise: 1, rewrite: 2, sft: 0.03, curriculum: 1, evaluate: 0.5 } as const;
const RL_STEPS = 2000;
/** Events at which the test server suggests to continue as new. The default of a server is 4,096. */
const CONTINUE_AS_NEW_AT = 60;
const DAY_MS = 86_400_000;

/** Histories of all runs of a campaign and its stages. */
interface Histories {
  readonly byWorkflow: Readonly<Record<string, readonly History[]>>;
}

export const history: Benchmark = {
  name: 'history',
  question: 'How large do histories get, and do they have room for a campaign of a month?',
  method: `Events and bytes are those of the campaign and all of its stages together. A campaign of thirty days (${BIG_FILE}, both arms,
RL for twenty days on ${NODES} nodes that fail at the rate of ${RATES['rsc-1024'].name}) runs through the real workflow code on Temporal's
time-skipping test server. Its activities are simulated: they let time pass, and report progress on the schedule of the real ones. An
interceptor removes heartbeat time-outs, because no activity can send a heartbeat for every second of skipped time; the workflow code is
unchanged. Then the histories are replayed against the bundle that workers run.

The cost of shards, and that both workflows continue as new, are measured on a real server with toy programs: a search of ${MANY_SHARDS} shards
against one of 1, and a server that suggests to continue as new at ${CONTINUE_AS_NEW_AT} events.`,

  async run({ say }) {
    say('a toy campaign, with 1 shard and with many');
    const { one, many } = await shards();
    say('thirty days of a campaign');
    const month = await thirtyDays();
    say('replay');
    const replayed = await replay(month.histories);
    say('continue as new');
    const renewed = await continueAsNew();

    const perDay = eventsByDay(month.histories);
    const training = perDay.slice(Math.ceil(month.rlFromDay), Math.floor(month.rlUntilDay));
    const events = countEvents(month.histories);
    const bytes = countBytes(month.histories);
    const campaign = month.histories.byWorkflow[MONTH] ?? [];
    const perThousand = ((countEvents(many) - countEvents(one)) / (MANY_SHARDS - 1)) * 1000;
    const goals: Goal[] = [
      {
        what: 'largest number of events in a day of training, campaign and stages of both arms',
        target: `at most ${EVENTS_PER_DAY}`,
        measured: String(Math.max(...training)),
        met: Math.max(...training) <= EVENTS_PER_DAY,
      },
      withoutTarget(
        'largest number of events in any of the thirty days: a day in which many short stages start',
        String(Math.max(...perDay)),
      ),
      {
        what: 'histories of thirty days that replay',
        target: 'all',
        measured: `${replayed.passed} of ${replayed.total}`,
        met: replayed.passed === replayed.total,
      },
      {
        what: 'campaign and stage continue as new; no stage is lost or done twice',
        target: 'both',
        measured: `${renewed.campaignRuns} runs of the campaign, ${renewed.stageRuns} of a stage; ${renewed.description}`,
        met: renewed.campaignRuns > 1 && renewed.stageRuns > 1 && renewed.right,
      },
      withoutTarget(
        'events per 1,000 shards: a shard has none of its own, but the stage takes longer and reports more often',
        `${countEvents(many) - countEvents(one)} for ${MANY_SHARDS - 1} more, so at most ${numberText(perThousand)}`,
      ),
    ];
    return {
      goals,
      tables: [
        {
          title: 'Histories',
          columns: ['what', 'workflows', 'events', 'bytes', 'bytes per event'],
          rows: (
            [
              ['a toy campaign of two arms, real server', one],
              [`the same, its search in ${MANY_SHARDS} shards`, many],
              [`thirty days (${numberText(month.days)} simulated), test server`, month.histories],
            ] as const
          ).map(([what, histories]) => {
            const [count, size] = [countEvents(histories), countBytes(histories)];
            return [what, Object.keys(histories.byWorkflow).length, count, size, numberText(size / count)];
          }),
        },
        {
          title: 'The thirty days',
          columns: ['what', 'measured'],
          rows: [
            ['events per day, mean', numberText(events / month.days)],
            ['bytes per day, mean', numberText(bytes / month.days)],
            [
              'events per day of RL on both arms, mean',
              numberText(training.reduce((a, b) => a + b, 0) / training.length),
            ],
            [
              'events of the campaign’s own workflow',
              campaign.reduce((sum, { events: own }) => sum + (own?.length ?? 0), 0),
            ],
            ['bytes of the campaign’s own workflow', campaign.reduce((sum, one) => sum + bytesOf(one), 0)],
            ['attempts of RL, both arms', month.attempts],
          ],
        },
      ],
      notes: [
        'A server ends a workflow at 51,200 events or 50 MB, and warns at 10,240 or 10 MB. The test server never suggests to continue as new. A real one does at 4,096 events, and the campaign then continues as new between two stages.',
      ],
      data: { perDay, events, bytes, days: month.days, replayed, renewed },
    };
  },
};

const MONTH = 'thirty-days';

async function thirtyDays() {
  const spec = bigCampaign();
  const gangs = Object.fromEntries(
    spec.arms.map(({ name }, seed) => {
      const training = { ...BIG_TRAINING, steps: RL_STEPS };
      const policy = { name: 'orrery', resumes: true, classes: true };
      return [
        `${name}/rl`,
        createGang({ training, rate: RATES['rsc-1024'], nodes: NODES, spareNodes: 8, policy, seed }),
      ];
    }),
  );
  const { env, taskQueue, close } = await openSkipping((world) => campaignActivities(world, { days: DAYS, gangs }));
  try {
    const began = await env.currentTimeMs();
    const handle = await env.client.workflow.start('campaign', {
      taskQueue,
      workflowId: MONTH,
      args: [unbounded({ ...spec, approveBeforeRl: false })],
    });
    await handle.result();
    // The server's current time would be wrong: when nothing waits any more, it skips to the time-out of ended
    // workflows.
    const { closeTime } = await handle.describe();
    const days = ((closeTime?.getTime() ?? Number.NaN) - began) / DAY_MS;
    const status = await handle.query<CampaignStatus>('status');
    const histories = await historiesOf(env.client, MONTH, status);
    const rl = status.stages.filter(({ kind }) => kind === 'rl');
    const dayOf = (at: string | null) => (Date.parse(at ?? '') - began) / DAY_MS;
    return {
      histories,
      days,
      attempts: rl.reduce((sum, { executions }) => sum + executions, 0),
      rlFromDay: Math.max(...rl.map(({ startedAt }) => dayOf(startedAt))),
      rlUntilDay: Math.min(...rl.map(({ finishedAt }) => dayOf(finishedAt))),
    };
  } finally {
    await close();
  }
}

/**
 * The default budgets are meant for ten days. A training of twenty days spends them at these rates, and no person
 * restarts it here.
 */
function unbounded(spec: CampaignSpec): CampaignSpec {
  const failures = { NodeFailure: { budget: null }, Stalled: { budget: null }, Crashed: { budget: null } };
  const { rl } = spec.stages;
  return { ...spec, stages: { ...spec.stages, rl: { ...rl, run: { ...rl.run, failures } } } };
}

async function historiesOf(client: Client, campaignId: string, status: CampaignStatus): Promise<Histories> {
  const ids = [campaignId, ...status.stages.map(({ name }) => `${campaignId}/${name}`)];
  const entries = await Promise.all(ids.map(async (id) => [id, await runsOf(client, id)] as const));
  return { byWorkflow: Object.fromEntries(entries) };
}

/** All runs of a workflow in order. Each run that continued as new names the next. */
async function runsOf(client: Client, workflowId: string): Promise<History[]> {
  const last = client.workflow.getHandle(workflowId);
  const first = (await last.describe()).raw.workflowExecutionInfo?.firstRunId || undefined;
  const runs: History[] = [];
  for (let runId: string | undefined = first; ; ) {
    const one: History = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    runs.push(one);
    const next: string | null | undefined =
      one.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    if (!next) return runs;
    runId = next;
  }
}

const all = ({ byWorkflow }: Histories): History[] => Object.values(byWorkflow).flat();
const countEvents = (histories: Histories): number =>
  all(histories).reduce((sum, one) => sum + (one.events?.length ?? 0), 0);
const countBytes = (histories: Histories): number => all(histories).reduce((sum, one) => sum + bytesOf(one), 0);

/** Number of events per day since the start of the campaign. */
function eventsByDay(histories: Histories): number[] {
  const times = all(histories).flatMap((one) => timelineOf(one).map(({ at }) => at));
  const began = Math.min(...times);
  const days: number[] = [];
  for (const at of times) {
    const day = Math.floor((at - began) / DAY_MS);
    days[day] = (days[day] ?? 0) + 1;
  }
  return Array.from(days, (count) => count ?? 0);
}

async function replay({ byWorkflow }: Histories): Promise<{ passed: number; total: number; failures: string[] }> {
  const bundle = await workflowBundle();
  const failures: string[] = [];
  let total = 0;
  for (const [workflowId, runs] of Object.entries(byWorkflow)) {
    for (const run of runs) {
      total += 1;
      await Worker.runReplayHistory({ workflowBundle: bundle }, run, workflowId).catch((error: unknown) =>
        failures.push(`${workflowId}: ${error}`),
      );
    }
  }
  return { passed: total - failures.length, total, failures };
}

/** Runs a toy campaign whose search has one shard, and another with many shards. */
async function shards(): Promise<{ one: Histories; many: Histories }> {
  const bench = await openWorkbench();
  const worker = await bench.startWorker();
  try {
    const run = async (workflowId: string, count: number): Promise<Histories> => {
      const stages = { search: { run: { shards: count, parallelism: Math.min(count, 4) } } };
      const spec = aCampaign({ seed: count, stages });
      const handle = await bench.client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [spec] });
      await handle.result();
      return await historiesOf(bench.client, workflowId, await handle.query<CampaignStatus>('status'));
    };
    return { one: await run('one-shard', 1), many: await run('many-shards', MANY_SHARDS) };
  } finally {
    await worker.stop();
    await bench.close();
  }
}

/** Runs a toy campaign on a real server that suggests to continue as new after few events. */
async function continueAsNew() {
  quietRuntime();
  const folder = mkdtempSync(join(tmpdir(), 'orrery-continue-'));
  const env = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: TEMPORAL },
      extraArgs: ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${CONTINUE_AS_NEW_AT}`],
    },
  });
  const places = { address: env.address, store: join(folder, 'store'), home: join(folder, 'local') };
  const worker = await createToyWorker(places);
  const ended = worker.run();
  try {
    // Node failures are tried again at once, so the stage gets a long history.
    const settings = { faults: { search: Array.from({ length: 8 }, () => 72) } };
    const spec = CampaignSpec.parse(aCampaign({ seed: 77, settings }));
    const workflowId = 'continued';
    const handle = await env.client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [spec] });
    await handle.result();
    const status = await handle.query<CampaignStatus>('status');
    const { byWorkflow } = await historiesOf(env.client, workflowId, status);
    const executions = status.stages.filter(({ name }) => name !== 'search').map((stage) => stage.executions);
    const search = status.stages.find(({ name }) => name === 'search');
    const right =
      status.stages.every(({ state }) => state === 'completed') &&
      executions.every((count) => count === 1) &&
      search?.executions === 9;
    return {
      campaignRuns: byWorkflow[workflowId]?.length ?? 0,
      stageRuns: byWorkflow[`${workflowId}/search`]?.length ?? 0,
      right,
      description: right
        ? 'every stage completed in one execution, search after 8 failures in its 9th'
        : `executions ${executions.join(', ')} and ${search?.executions} of search`,
    };
  } finally {
    worker.shutdown();
    await ended;
    await env.teardown();
    rmSync(folder, { recursive: true, force: true });
  }
}
