import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { inProject } from '../config/paths.ts';
import { WORKFLOW_TASK_SECONDS } from '../spec/index.ts';
import { aCampaign, openWorkbench, type Workbench } from '../tests/support/worker.ts';
import { type Benchmark, equal, numberText, under, withoutTarget } from './benchmark.ts';
import { summarise } from './statistics.ts';
import { lastOf, msOf, timelineOf } from './support/timeline.ts';
import { until } from './support/until.ts';

/** Campaigns under one worker when it is killed: each gives one measurement of each kind. */
const CAMPAIGNS = 6;
const ROUNDS = 1;
const LIMIT_S = 8;
/** A busy machine, for the opposite question: does a live worker lose control? */
const BUSY = { processes: 20, seconds: 60 } as const;

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
with SIGSTOP. Every campaign is signalled, until the server has handed the worker as many workflow tasks as it waited for; the others wait in
its queue. Then the worker is killed with SIGKILL.

Two times are measured by the server's clock: from the SIGSTOP, which ends the heartbeats, until \`awaitJob\` of each stage has started under
another worker (the stage's processes run all the time); and from the SIGKILL until another worker has completed the campaign's workflow task.
Rounds with a second worker that runs already: ${ROUNDS}. Rounds with a worker that starts at the moment of the kill, and bundles its workflows
first: ${ROUNDS}.

A live worker must keep control on a busy machine. So ${CAMPAIGNS} campaigns run under one worker for ${BUSY.seconds} s beside ${BUSY.processes} processes that only compute, and the
time-outs of heartbeats and workflow tasks are counted.`,

  async run({ say }) {
    const bench = await openWorkbench();
    const regained: Regained[] = [];
    let late: Late;
    try {
      for (const successor of SUCCESSORS) {
        for (let round = 0; round < ROUNDS; round += 1) {
          say(`${successor}, round ${round + 1} of ${ROUNDS}`);
          regained.push(...(await killOnce(bench, successor, round)));
        }
      }
      say('a busy machine');
      late = await timeoutsUnderLoad(bench);
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
        equal(`heartbeats of a live worker that are late, beside ${BUSY.processes} busy processes`, late.heartbeats, 0),
        equal('workflow tasks that are late there', late.workflowTasks, 0),
        withoutTarget('workflow tasks that another worker could have taken there', String(late.stickyTasks)),
      ],
      tables: [{ title: 'Time until control is regained, in s', columns: ['by', 'of', 'n', 'median', 'max'], rows }],
      notes: [
        `A stage is regained after its heartbeat time-out and the first interval of its retry. A workflow task is regained after its own time-out of ${WORKFLOW_TASK_SECONDS} s. Campaigns that are started without that time-out have the server's, 10 s.`,
      ],
      data: { regained, late },
    };
  },
};

async function killOnce(bench: Workbench, successor: Successor, round: number): Promise<Regained[]> {
  const victim = startWorker(bench);
  const workers = [victim];
  try {
    const handles = await startCampaigns(bench, 100 * SUCCESSORS.indexOf(successor) + 10 * round);
    if (successor === 'another running worker') {
      const standby = startWorker(bench);
      workers.push(standby);
      await until('the second worker polls', () => isPolling(bench, standby), 100);
    }

    const stoppedAt = Date.now();
    victim.kill('SIGSTOP');
    for (const handle of handles) await handle.signal('approve', {});
    await until('a task is in flight', async () => {
      const taken = await Promise.all(handles.map(hasTaskInFlight));
      return taken.includes(true) || null;
    });
    // The server hands out the tasks for which the worker waited. The others stay in its queue.
    await sleep(500);
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
    await cancelAll(handles);
    return regained;
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
  }
}

/** Starts campaigns as the CLI does, and waits until a stage of each runs. */
async function startCampaigns(bench: Workbench, firstSeed: number): Promise<WorkflowHandle[]> {
  const handles = await Promise.all(
    Array.from({ length: CAMPAIGNS }, (_, index) =>
      bench.client.workflow.start('campaign', {
        taskQueue: 'orrery',
        workflowId: `kill-${firstSeed + index}`,
        workflowTaskTimeout: WORKFLOW_TASK_SECONDS * 1000,
        args: [longCampaign(firstSeed + index)],
      }),
    ),
  );
  for (const handle of handles) await until(`${handle.workflowId} runs`, () => watchOf(bench, handle));
  return handles;
}

async function cancelAll(handles: readonly WorkflowHandle[]): Promise<void> {
  for (const handle of handles) await handle.cancel();
  await Promise.all(handles.map((handle) => handle.result().catch(() => undefined)));
}

/** Time-outs of campaigns whose worker lives, on a busy machine. */
interface Late {
  readonly heartbeats: number;
  /** Tasks that a worker began and did not complete in time. */
  readonly workflowTasks: number;
  /** Tasks that waited too long for the worker that has the workflow in its cache. Any worker takes them then. */
  readonly stickyTasks: number;
}

/** Values of temporal.api.enums.v1.TimeoutType. */
const START_TO_CLOSE = 1;
const SCHEDULE_TO_START = 2;

async function timeoutsUnderLoad(bench: Workbench): Promise<Late> {
  const worker = startWorker(bench);
  const busy: ChildProcess[] = [];
  try {
    const handles = await startCampaigns(bench, 1000);
    for (let n = 0; n < BUSY.processes; n += 1) busy.push(spawn(process.execPath, ['-e', 'for (;;);']));
    await sleep(BUSY.seconds * 1000);
    const late = { heartbeats: 0, workflowTasks: 0, stickyTasks: 0 };
    for (const handle of handles) {
      late.heartbeats += ((await watchOf(bench, handle))?.attempt ?? 2) - 1;
      for (const { workflowId } of [handle, { workflowId: `${handle.workflowId}/pretrain` }]) {
        const { events } = await bench.client.workflow.getHandle(workflowId).fetchHistory();
        for (const { workflowTaskTimedOutEventAttributes: timedOut } of events ?? []) {
          if (timedOut?.timeoutType === START_TO_CLOSE) late.workflowTasks += 1;
          if (timedOut?.timeoutType === SCHEDULE_TO_START) late.stickyTasks += 1;
        }
      }
    }
    for (const one of busy) one.kill('SIGKILL');
    await cancelAll(handles);
    return late;
  } finally {
    for (const one of [worker, ...busy]) one.kill('SIGKILL');
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
async function hasTaskInFlight(handle: WorkflowHandle): Promise<boolean> {
  const { raw } = await handle.describe();
  return raw.pendingWorkflowTask?.state === 2;
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
