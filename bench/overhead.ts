import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { readCampaignFile } from '../cli/campaign-file.ts';
import { inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import {
  type CampaignSpec,
  type CampaignStatus,
  planCampaign,
  type StageStatus,
  sumAccounts,
  TimeKind,
} from '../spec/index.ts';
import { startTemporal } from '../tests/support/temporal.ts';
import { type Benchmark, numberText, under, withoutTarget } from './benchmark.ts';

const LIMITS = { overWorkingPercent: 40, orreryPercent: 5 };
const WORKFLOW_ID = 'overhead';

/** Kinds of time that the programs of a stage spend. All other time is orchestration. */
const OF_PROGRAMS: ReadonlySet<TimeKind> = new Set<TimeKind>(['working', 'saving', 'starting']);

export const overhead: Benchmark = {
  name: 'overhead',
  question: 'What does orchestration cost, compared with the time in which stages work?',
  method: `The demo's campaign runs for real: trainers, policy servers, verifier, worker and Temporal server on this machine
(examples/tiny-short.yaml; with --full examples/tiny.yaml, which the demo runs). Stages run in parallel where the recipe allows it, so the wall
time is compared on the campaign's critical path: from the last stage back, each time to the input that ended last. Every second of that path
belongs to one stage's account (StageStatus.account), or lies between two stages. All of it counts as orchestration, except working, saving and
starting.`,

  async run({ full, say }) {
    const file = full ? 'examples/tiny.yaml' : 'examples/tiny-short.yaml';
    const { spec } = await readCampaignFile(inProject(file));
    const folder = mkdtempSync(join(tmpdir(), 'orrery-overhead-'));
    const temporal = await startTemporal();
    const connection = await Connection.connect({ address: temporal.address });
    const client = new Client({ connection });
    const worker = startWorker(temporal.address, folder);
    try {
      say(`runs ${file}`);
      const handle = await client.workflow.start('campaign', {
        taskQueue: 'orrery',
        workflowId: WORKFLOW_ID,
        args: [spec],
      });
      await handle.result();
      const status = await handle.query<CampaignStatus>('status');
      const { startTime, closeTime } = await handle.describe();
      const wallSeconds = ((closeTime?.getTime() ?? Number.NaN) - startTime.getTime()) / 1000;
      return findings(file, wallSeconds, criticalPath(spec, status.stages), status);
    } finally {
      worker.kill('SIGTERM');
      await once(worker, 'exit');
      await connection.close();
      await temporal.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** The stages of the critical path, first to last. */
export function criticalPath(spec: CampaignSpec, stages: readonly StageStatus[]): StageStatus[] {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  const reads = new Map(planCampaign(spec).map((slot) => [slot.name, Object.values(slot.reads)]));
  const path: StageStatus[] = [];
  for (let stage = stages.at(-1); stage !== undefined; ) {
    path.unshift(stage);
    const inputs = (reads.get(stage.name) ?? []).flatMap((name) => byName.get(name) ?? []);
    stage = inputs.toSorted((a, b) => Date.parse(a.finishedAt ?? '') - Date.parse(b.finishedAt ?? '')).at(-1);
  }
  return path;
}

function findings(file: string, wallSeconds: number, path: readonly StageStatus[], status: CampaignStatus) {
  const { seconds } = sumAccounts(path.map(({ account }) => account));
  const accounted = TimeKind.options.reduce((sum, kind) => sum + seconds[kind], 0);
  const between = wallSeconds - accounted;
  const machinery = TimeKind.options.reduce((sum, kind) => sum + (OF_PROGRAMS.has(kind) ? 0 : seconds[kind]), between);
  const share = (part: number) => (100 * part) / wallSeconds;
  const percent = (part: number) => `${numberText(share(part))} %`;
  const kinds = TimeKind.options.filter((kind) => seconds[kind] > 0);
  return {
    goals: [
      under(
        'wall time over working time, on the critical path',
        100 * (wallSeconds / seconds.working - 1),
        LIMITS.overWorkingPercent,
        '%',
      ),
      under(
        'share of orrery: without the programs’ start and saving',
        share(machinery),
        LIMITS.orreryPercent,
        '% of the wall time',
      ),
      withoutTarget('programs starting: interpreters, libraries, weights', percent(seconds.starting)),
    ],
    tables: [
      {
        title: `Critical path of ${file}: ${numberText(wallSeconds)} s`,
        columns: ['time', 's', 'of the wall time'],
        rows: [
          ...kinds.map((kind) => [kind, numberText(seconds[kind]), percent(seconds[kind])]),
          ['between stages', numberText(between), percent(between)],
        ],
      },
      {
        title: 'Its stages, in s',
        columns: ['stage', ...kinds],
        rows: path.map(({ name, account }) => [name, ...kinds.map((kind) => numberText(account.seconds[kind]))]),
      },
    ],
    notes: [
      `Working time of all ${status.stages.length} stages together: ${numberText(status.account.seconds.working)} s, ${numberText(status.account.seconds.working / wallSeconds)} of the wall time; stages run in parallel.`,
    ],
    data: { file, wallSeconds, path: path.map(({ name, account }) => ({ name, account })), stages: status.stages },
  };
}

function startWorker(address: string, folder: string): ChildProcess {
  return spawn(process.execPath, [inProject('worker.ts')], {
    cwd: PROJECT,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: address,
      ORRERY_STORE: join(folder, 'store'),
      ORRERY_HOME: join(folder, 'local'),
      ORRERY_PYTHON: VENV_PYTHON,
      ORRERY_LOG_LEVEL: 'error',
    },
  });
}
