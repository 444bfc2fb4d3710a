import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CampaignSpecInput, type CampaignStatus, FAILURES, type FailureClass } from '../../spec/index.ts';
import { logsDir, stageDir } from '../../store/index.ts';
import type { campaign } from '../../workflows/index.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { aCampaign } from '../support/worker.ts';

const bench = runningWorkbench();

const run = async (workflowId: string, spec: CampaignSpecInput): Promise<CampaignStatus> => {
  const handle = await bench.client.workflow.start<typeof campaign>('campaign', {
    taskQueue: 'orrery',
    workflowId,
    args: [spec],
  });
  await handle.result().catch(() => undefined);
  return await handle.query<CampaignStatus>('status');
};

/** No back-off, so that the test takes seconds. Classes and budgets are those of the failure table. */
const AT_ONCE = Object.fromEntries(
  Object.keys(FAILURES).map((name) => [name, { backoffSeconds: { initial: 0, max: 0 } }]),
);
const runs = { failures: AT_ONCE, stallTimeoutSeconds: 4, graceSeconds: 2 };
const EVERYWHERE = Object.fromEntries(
  ['prepare', 'pretrain', 'search', 'linearise', 'rewrite', 'sft', 'curriculum', 'rl', 'evaluate', 'analyse'].map(
    (kind) => [kind, { run: runs }],
  ),
) as CampaignSpecInput['stages'];

const ENDS: { stage: string; end: number | string; becomes: FailureClass; followed: RegExp }[] = [
  { stage: 'prepare', end: 69, becomes: 'DependencyDown', followed: /another attempt at once \(1 of 10\)/ },
  { stage: 'pretrain', end: 70, becomes: 'Diverged', followed: /from an earlier checkpoint at once \(1 of 1\)/ },
  { stage: 'evaluate-base', end: 'SIGSEGV', becomes: 'Crashed', followed: /another attempt at once \(1 of 3\)/ },
  { stage: 'search', end: 71, becomes: 'OutOfMemory', followed: /half the micro-batch at once \(1 of 2\)/ },
  { stage: 'astro/linearise', end: 72, becomes: 'NodeFailure', followed: /another attempt.* at once \(1 of 10\)/ },
  { stage: 'astro/rewrite', end: 143, becomes: 'Preempted', followed: /another attempt at once$/ },
  { stage: 'astro/sft', end: 'hang', becomes: 'Stalled', followed: /another attempt at once \(1 of 2\)/ },
  { stage: 'astro/evaluate-sft', end: 'SIGKILL', becomes: 'Crashed', followed: /another attempt at once/ },
  { stage: 'astro/curriculum', end: 1, becomes: 'Crashed', followed: /another attempt at once/ },
  { stage: 'astro/rl', end: 'SIGTERM', becomes: 'Preempted', followed: /another attempt at once$/ },
];

describe('every failure that another attempt can cure, each in a stage of one campaign', () => {
  let status: CampaignStatus;
  beforeAll(async () => {
    const faults = Object.fromEntries(ENDS.map(({ stage, end }) => [stage, [end]]));
    const spec = aCampaign({ arms: [{ name: 'astro' }], settings: { faults, checkpoints: true }, stages: EVERYWHERE! });
    status = await run('ends', spec);
  }, 240_000);

  test.each(ENDS)('$stage ends with $end: $becomes', ({ stage, becomes, followed }) => {
    const { incidents, executions, state } = status.stages.find(({ name }) => name === stage)!;
    expect(incidents).toMatchObject([{ class: becomes, attempt: 0, followed: expect.stringMatching(followed) }]);
    expect({ executions, state }).toEqual({ executions: 2, state: 'completed' });
  });

  test('the campaign completes, and its accounting shows the cost of each class', () => {
    expect(status.phase).toBe('completed');
    const told = Object.fromEntries(Object.entries(status.account.causes).map(([cause, { times }]) => [cause, times]));
    expect(told).toMatchObject({
      DependencyDown: 1,
      Diverged: 1,
      OutOfMemory: 1,
      NodeFailure: 1,
      Preempted: 2,
      Stalled: 1,
      Crashed: 3,
    });
    const stalled = status.stages.find(({ name }) => name === 'astro/sft')!;
    expect(stalled.incidents[0]?.costSeconds).toBeGreaterThan(0);
  });

  test('the diagnosis of a stalled execution is saved before it is killed', () => {
    const { key, incidents } = status.stages.find(({ name }) => name === 'astro/sft')!;
    const folder = join(logsDir(stageDir(bench.store, key!), 0), 'diagnosis');
    expect(incidents[0]?.message).toContain('diagnosis');
    expect(readdirSync(folder).length).toBeGreaterThan(1);
    const all = readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\n');
    // The hanging program is named, by its command line or its stack.
    expect(all).toMatch(/main\.ts/);
  });
});

test('a class with a spent budget ends the stage, and the failure says so', async () => {
  const settings = { faults: { prepare: [1, 1, 1, 1] } };
  const { stages } = await run('spent', aCampaign({ seed: 5, settings, stages: EVERYWHERE! }));
  const [prepare] = stages;
  expect(prepare).toMatchObject({ state: 'failed', executions: 4, failures: 4 });
  expect(prepare?.incidents.at(-1)?.followed).toBe('no other attempt: the budget of 3 for Crashed is used up');
}, 120_000);

test('12 kills, each after a step that was kept, do not end a stage whose budget is 3', async () => {
  const settings = { deaths: { stage: 'prepare', count: 12, after: 1 }, steps: 14, only: ['prepare'] };
  const { stages } = await run('kept', aCampaign({ seed: 7, settings, stages: EVERYWHERE! }));
  expect(stages[0]).toMatchObject({ state: 'completed', executions: 13, failures: 12 });
  expect(stages[0]?.incidents.at(-1)).toMatchObject({ class: 'Crashed', followed: 'another attempt at once (1 of 3)' });
}, 120_000);

test('12 kills, each after a checkpoint that was kept, do not end the training of a policy', async () => {
  const deaths = { stage: 'pretrain', count: 12, after: 1 };
  const settings = { deaths, steps: 14, only: ['pretrain'], checkpoints: true };
  const { stages } = await run('kept-checkpoints', aCampaign({ seed: 8, settings, stages: EVERYWHERE! }));
  expect(stages[1]).toMatchObject({ state: 'completed', executions: 13, failures: 12 });
}, 120_000);

test('kills that keep no work end a stage once its budget is spent', async () => {
  const settings = { deaths: { stage: 'prepare', count: 20, after: 0 } };
  const { stages } = await run('not-kept', aCampaign({ seed: 9, settings, stages: EVERYWHERE! }));
  expect(stages[0]).toMatchObject({ state: 'failed', executions: 4 });
  // A trainer that makes steps but no checkpoint keeps nothing either.
  const steps = { deaths: { stage: 'pretrain', count: 20, after: 1 }, steps: 30, only: ['pretrain'] };
  const training = await run('not-saved', aCampaign({ seed: 10, settings: steps, stages: EVERYWHERE! }));
  expect(training.stages[1]).toMatchObject({ state: 'failed', executions: 4 });
}, 120_000);

test('a shard that hangs while the others continue is found stalled, and named', async () => {
  const stages = { ...EVERYWHERE!, search: { run: { ...runs, shards: 3 } } };
  const settings = { hangs: { stage: 'search', part: 1 }, steps: 120, stepMs: 100, only: ['search'] };
  const status = await run('hung-shard', aCampaign({ seed: 11, settings, stages }));
  const search = status.stages.find(({ name }) => name === 'search')!;
  expect(search).toMatchObject({ state: 'completed', executions: 2 });
  expect(search.incidents).toMatchObject([
    { class: 'Stalled', part: 1, message: expect.stringMatching(/^part 1 of 3: no progress for 4 s \(1 done\)/) },
  ]);
}, 120_000);

test('the spec of a stage may choose another action', async () => {
  const stages = { prepare: { run: { ...runs, failures: { DependencyDown: { action: 'stop' as const } } } } };
  const status = await run('chosen', aCampaign({ seed: 6, settings: { faults: { prepare: [69] } }, stages }));
  expect(status.stages[0]).toMatchObject({ state: 'failed', executions: 1 });
}, 120_000);

test('running out of memory halves the micro-batch of the next execution; a divergence drops the newest checkpoint', () => {
  const jobs = join(bench.home, 'jobs');
  const envOf = (prefix: string, attempt: number): Record<string, string> => {
    const name = readdirSync(jobs).find((job) => job.startsWith(prefix) && job.endsWith(`-${attempt}`));
    const path = join(jobs, name!, 'job.json');
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')).request.env as Record<string, string>) : {};
  };
  expect(envOf('ends-search', 0)).not.toHaveProperty('ORRERY_MICRO_BATCH_SCALE');
  expect(envOf('ends-search', 1)).toMatchObject({ ORRERY_MICRO_BATCH_SCALE: '0.5' });
  expect(envOf('ends-pretrain', 0)).not.toHaveProperty('ORRERY_CHECKPOINT_BEFORE');
  expect(envOf('ends-pretrain', 1)).toMatchObject({ ORRERY_CHECKPOINT_BEFORE: '3' });
});
