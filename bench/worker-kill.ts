import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { WorkflowHandle } from '@temporalio/client';
import { inProject } from '../config/paths.ts';
import { aCampaign, openWorkbench, type Workbench } from '../tests/support/worker.ts';
import { type Benchmark, numberText, under } from './benchmark.ts';
import { summarise } from './statistics.ts';
import { lastOf, msOf, timelineOf } from './support/timeline.ts';
import { until } from './support/until.ts';

/** Campaigns under one worker when it is killed: each gives one measurement of each kind. */
const CAMPAIGNS = 6;
const ROUNDS = 1;
const LIMIT_S = 15;

/** The worker that takes over. */
const SUCCESSORS = ['another running worker', 'a worker started at the kill'] as const;
type Successor = (typeof SUCCESSORS)[number];

interface Regained {
  readonly successor: Successor;
  /** Seconds from the stop until another worker watches the running stage. */
  readonly stageSeconds: number;
  /** Seconds from the kill until another worker has completed the workflow task that was in flight. */
  readonly workflowSeconds: number;
}

export const workerKill: Benchmark = {
  name: 'worker-kill',
  question: 'The worker is killed: how long until another worker controls its stages and campaigns?',
  method: `${CAMPAIGNS} toy campaigns, each with a running stage, share one worker process on a real Temporal server. The worker is stopped
with SIGSTOP. Every campaign is signalled until the server has handed the worker a workflow task of each, so that these tasks are in flight.
Then the worker is killed with SIGKILL.

Two times are measured by the server's clock: from the SIGSTOP, which ends the heartbeats, until \`awaitJob\` of each stage has started under
another worker (the stage's processes run all the time); and from the SIGKILL until another worker has completed the campaign's workflow task.
Rounds with a second worker that runs already: ${ROUNDS}. Rounds with a worker that starts at the moment of the kill, and bundles its workflows
first: ${ROUNDS}.`,

  async run({ say }) {
    const bench = await openWorkbench();
    const regained: Regained[] = [];
    try {
      for (const successor of SUCCESSORS) {
        for (let round = 0; round < ROUNDS; round += 1) {
          say(`${successor}, round ${round + 1} of ${ROUNDS}`);
          regained.push(...(await killOnce(bench, successor, round)));
        }
      }
    } finally {
      await bench.close();
    }
    const rows = SUCCESSORS.flatMap((successor) =>
      (['stageSeconds', 'workflowSeconds'] as const).map((measure) => {
        const { n, median, max } = summarise(
          regained.filter((one) => one.successor === successor).map((one) => one[measure]),
        );
        const what = measure === 'stageSeconds' ? 'a running stage' : 'a workflow task in flight';
        return [successor, what, n, numberText(median), numberText(max)];
      }),
    );
    return {
      goals: [
        under('a running stage, longest', Math.max(...regained.map((one) => one.stageSeconds)), LIMIT_S, 's'),
        under(
          'a workflow task in flight, longest',
          Math.max(...regained.map((one) => one.workflowSeconds)),
          LIMIT_S,
          's',
        ),
      ],
      tables: [{ title: 'Time until control is regained, in s', columns: ['by', 'of', 'n', 'median', 'max'], rows }],
      notes: [
        'A stage is regained after its heartbeat time-out and the first interval of its retry. A workflow task is regained after its own time-out of 10 s.',
      ],
      data: { regained },
    };
  },
};

async function killOnce(bench: Workbench, successor: Successor, round: number): Promise<Regained[]> {
  const victim = startWorker(bench);
  const workers = [victim];
  try {
    const handles = await Promise.all(
      Array.from({ length: CAMPAIGNS }, (_, index) =>
        bench.client.workflow.start('campaign', {
          taskQueue: 'orrery',
          workflowId: `kill-${SUCCESSORS.indexOf(successor)}-${round}-${index}`,
          args: [longCampaign(100 * SUCCESSORS.indexOf(successor) + 10 * round + index)],
        }),
      ),
    );
    for (const handle of handles) await until(`${handle.workflowId} runs`, () => watchOf(bench, handle));
    if (successor === 'another running worker') {
      const standby = startWorker(bench);
      workers.push(standby);
      await until('the second worker polls', () => isPolling(bench, standby), 100);
    }

    const stoppedAt = Date.now();
    victim.kill('SIGSTOP');
    for (const handle of handles) await handle.signal('approve', {});
    for (const handle of handles) await until(`${handle.workflowId} has a task in flight`, () => taskInFlight(handle));
    const killedAt = Date.now();
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    if (successor === 'a worker started at the kill') workers.push(startWorker(bench));

    const regained = await Promise.all(
      handles.map(async (handle): Promise<Regained> => {
        const watchedAt = await until(
          `${handle.workflowId} is watched again`,
          async () => {
            const watch = await watchOf(bench, handle);
            return watch !== null && watch.attempt > 1 && watch.startedAt > stoppedAt ? watch.startedAt : null;
          },
          100,
        );
        const completedAt = await until(
          `${handle.workflowId} goes on`,
          async () => {
            const { at } = lastOf(timelineOf(await handle.fetchHistory()), 'WorkflowTaskCompleted');
            return at > killedAt ? at : null;
          },
          100,
        );
        // The worker has lost its stages since its heartbeats stopped.
        return {
          successor,
          stageSeconds: (watchedAt - stoppedAt) / 1000,
          workflowSeconds: (completedAt - killedAt) / 1000,
        };
      }),
    );
    for (const handle of handles) await handle.cancel();
    await Promise.all(handles.map((handle) => handle.result().catch(() => undefined)));
    return regained;
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
  }
}

const longCampaign = (seed: number) =>
  aCampaign({ seed, arms: [{ name: 'astro' }], settings: { steps: 100_000, stepMs: 200, only: ['pretrain'] } });

function startWorker({ address, store, home }: Workbench): ChildProcess {
  return spawn(process.execPath, [inProject('tests/support/toy-worker.ts'), address, store, home], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/**
 * The activity that watches the campaign's running stage: its attempt and when it began, in ms; null while there is
 * none.
 */
async function watchOf(
  { client }: Workbench,
  { workflowId }: WorkflowHandle,
): Promise<{ attempt: number; startedAt: number } | null> {
  const stage = await client.workflow
    .getHandle(`${workflowId}/pretrain`)
    .describe()
    .catch(() => null);
  const watch = stage?.raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'awaitJob');
  // 2: started. No worker has an activity that waits for its retry.
  if (watch?.state !== 2) return null;
  return { attempt: watch.attempt ?? 0, startedAt: msOf(watch.lastStartedTime) };
}

/** True while a worker has a workflow task of the campaign that it has not completed. */
async function taskInFlight(handle: WorkflowHandle): Promise<true | null> {
  const { raw } = await handle.describe();
  return raw.pendingWorkflowTask?.state === 2 ? true : null;
}

/** True when the worker polls for tasks. */
async function isPolling({ client }: Workbench, { pid }: ChildProcess): Promise<true | null> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: 'default',
    taskQueue: { name: 'orrery' },
    taskQueueType: 2, // activities
  });
  return pollers?.some(({ identity }) => identity?.startsWith(`${pid}@`)) ? true : null;
}
