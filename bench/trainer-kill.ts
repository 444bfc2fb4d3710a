import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobObservation } from '../executor/index.ts';
import type { CampaignStatus } from '../spec/index.ts';
import { aCampaign, openWorkbench, type Workbench } from '../tests/support/worker.ts';
import { type Benchmark, numberText, under } from './benchmark.ts';
import { type Summary, summarise } from './statistics.ts';
import { type TimelineEvent, timelineOf } from './support/timeline.ts';
import { until } from './support/until.ts';

const KILLS = 15;
const LIMIT_MS = 1000;
const WORKFLOW_ID = 'trainer-kill';

/** Times of one kill, in ms since the epoch. */
interface Kill {
  readonly killedAt: number;
  /** When the supervisor recorded the end of the program. */
  readonly noticedAt: number;
  /** When the record of the next attempt's job was written. */
  readonly submittedAt: number;
  readonly startedAt: number;
}

const WAY = [
  'kill → supervisor has noticed',
  '→ `awaitJob` returns',
  '→ decided, attempt claimed, job on disk',
  '→ supervisor starts the first process',
] as const;
type Way = Record<(typeof WAY)[number], number>;

export const trainerKill: Benchmark = {
  name: 'trainer-kill',
  question: 'A trainer is killed: how long until the next attempt is started?',
  method: `In one toy campaign on a real server, worker, store and local executor, the main process of the running stage \`pretrain\` is
killed ${KILLS} times with SIGKILL. The time counts until the supervisor of the next attempt starts its first process. The stage's spec sets the
back-off of \`Crashed\` to nothing and its budget to ${2 * KILLS}, so all of that time is the orchestrator's: it notices the death, classifies
it, decides on the next attempt, claims it and starts it. The time that the trainer then needs to load is not included.`,

  async run({ say }) {
    const bench = await openWorkbench();
    const worker = await bench.startWorker();
    try {
      const failures = { Crashed: { budget: 2 * KILLS, backoffSeconds: { initial: 0, max: 0 } } };
      const spec = aCampaign({
        arms: [{ name: 'astro' }],
        stages: { pretrain: { run: { failures } } },
        settings: { steps: 100_000, stepMs: 20, only: ['pretrain'] },
      });
      const handle = await bench.client.workflow.start('campaign', {
        taskQueue: 'orrery',
        workflowId: WORKFLOW_ID,
        args: [spec],
      });
      const kills: Kill[] = [];
      for (let attempt = 0; attempt < KILLS; attempt += 1) {
        say(`kill ${attempt + 1} of ${KILLS}`);
        const { job, pid } = await untilAtWork(bench, attempt);
        const killedAt = Date.now();
        process.kill(pid, 'SIGKILL');
        const startedAt = await until(`attempt ${attempt + 1} starts`, () => startOf(bench, attempt + 1));
        const noticedAt = Date.parse((await stateOf(bench, job))?.pods[0]?.finishedAt ?? '');
        kills.push({ killedAt, noticedAt, submittedAt: await submittedAt(bench, attempt + 1), startedAt });
      }
      const stage = timelineOf(await bench.client.workflow.getHandle(`${WORKFLOW_ID}/pretrain`).fetchHistory());
      const ways = kills.map((kill) => wayOf(kill, stage));
      const { stages } = await handle.query<CampaignStatus>('status');
      const pretrain = stages.find(({ name }) => name === 'pretrain');
      await handle.cancel();
      await handle.result().catch(() => undefined);
      const total = summarise(kills.map(({ startedAt, killedAt }) => startedAt - killedAt));
      const row = (what: string, { n, median, p95, max }: Summary) => [what, n, ...[median, p95, max].map(numberText)];
      return {
        goals: [under('95th percentile, kill to the start of the next attempt', total.p95, LIMIT_MS, 'ms')],
        tables: [
          {
            title: 'In ms',
            columns: ['part', 'n', 'median', 'p95', 'max'],
            rows: [
              ...WAY.map((part) => row(part, summarise(ways.map((way) => way[part])))),
              row('**kill to the start of the next attempt**', total),
            ],
          },
        ],
        notes: [`The stage's status counts ${pretrain?.failures} failures in ${pretrain?.executions} executions.`],
        data: { kills, ways },
      };
    } finally {
      await worker.stop();
      await bench.close();
    }
  },
};

/** Parts of the time, each from the end of the one before. */
function wayOf({ killedAt, noticedAt, submittedAt, startedAt }: Kill, stage: readonly TimelineEvent[]): Way {
  const after = (at: number, type: string, activity: string): number =>
    stage.find((event) => event.type === type && event.activity === activity && event.at > at)?.at ?? Number.NaN;
  const returnedAt = after(killedAt, 'ActivityTaskCompleted', 'awaitJob');
  const times = [killedAt, noticedAt, returnedAt, submittedAt, startedAt];
  const parts = WAY.map((part, index) => [part, (times[index + 1] ?? 0) - (times[index] ?? 0)] as const);
  return Object.fromEntries(parts) as Way;
}

async function submittedAt(bench: Workbench, attempt: number): Promise<number> {
  const text = await readFile(join(bench.home, 'jobs', jobOf(bench, attempt) ?? '', 'job.json'), 'utf8');
  return Date.parse((JSON.parse(text) as { submittedAt: string }).submittedAt);
}

/**
 * The job of an attempt and its main process, once it has reported progress, so that it is not killed while it loads.
 */
async function untilAtWork(bench: Workbench, attempt: number): Promise<{ job: string; pid: number }> {
  return await until(`attempt ${attempt} works`, async () => {
    const job = jobOf(bench, attempt);
    if (job === null || (await stateOf(bench, job))?.pods[0]?.phase !== 'running') return null;
    const pid = await mainProcessOf(job);
    if (pid === null) return null;
    await sleep(200); // past its first steps
    return { job, pid };
  });
}

async function startOf(bench: Workbench, attempt: number): Promise<number | null> {
  const job = jobOf(bench, attempt);
  const startedAt = job === null ? null : (await stateOf(bench, job))?.pods[0]?.startedAt;
  return startedAt ? Date.parse(startedAt) : null;
}

function jobOf({ home }: Workbench, attempt: number): string | null {
  const jobs = join(home, 'jobs');
  if (!existsSync(jobs)) return null;
  const found = (name: string) => name.startsWith(`${WORKFLOW_ID}-pretrain-`) && name.endsWith(`-${attempt}`);
  return readdirSync(jobs).find(found) ?? null;
}

async function stateOf({ home }: Workbench, job: string): Promise<JobObservation | null> {
  const text = await readFile(join(home, 'jobs', job, 'state.json'), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as JobObservation);
}

/** The stage program among the job's processes. It reads /proc, so it needs Linux. */
async function mainProcessOf(job: string): Promise<number | null> {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`ORRERY_JOB=${job}`)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('stages/main.ts')) return Number(pid);
  }
  return null;
}
