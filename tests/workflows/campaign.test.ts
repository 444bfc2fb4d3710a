import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { CampaignSpecInput, CampaignStatus, StageState } from '../../spec/index.ts';
import { claimsDir, stageDir } from '../../store/index.ts';
import type { campaign } from '../../workflows/index.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { aCampaign } from '../support/worker.ts';

const bench = runningWorkbench();
let serial = 0;

type Handle = WorkflowHandle<typeof campaign>;
const start = (spec: unknown, workflowId = `toy-${serial++}`): Promise<Handle> =>
  bench.client.workflow.start<typeof campaign>('campaign', { taskQueue: 'orrery', workflowId, args: [spec] });
const statusOf = (handle: Handle): Promise<CampaignStatus> => handle.query<CampaignStatus>('status');

async function until(handle: Handle, stage: string, state: StageState): Promise<CampaignStatus> {
  for (let looks = 0; looks < 300; looks += 1) {
    const status = await statusOf(handle);
    if (status.stages.find(({ name }) => name === stage)?.state === state) return status;
    await sleep(100);
  }
  throw new Error(`${stage} did not become ${state}: ${JSON.stringify(await statusOf(handle), null, 1)}`);
}

const ONE_ARM = { arms: [{ name: 'astro' }] };
const stageOf = (status: CampaignStatus, name: string) => status.stages.find((stage) => stage.name === name)!;
const seeded = (seed: number, change: Parameters<typeof aCampaign>[0] = {}): CampaignSpecInput =>
  aCampaign({ seed, ...change });

describe('a campaign', () => {
  test('runs every stage of the recipe and leaves a report', async () => {
    const handle = await start(seeded(1));
    const result = await handle.result();
    const status = await statusOf(handle);
    expect(existsSync(result.report.html)).toBe(true);
    expect(status.phase).toBe('completed');
    expect(status.stages.map(({ name, state }) => `${name} ${state}`)).toEqual(
      [
        ...['prepare', 'pretrain', 'evaluate-base', 'search'],
        ...['linearise', 'rewrite', 'sft', 'evaluate-sft', 'curriculum', 'rl', 'evaluate-rl'].map(
          (stage) => `astro/${stage}`,
        ),
        ...['linearise', 'rewrite', 'sft', 'evaluate-sft', 'curriculum', 'rl', 'evaluate-rl'].map(
          (stage) => `direct/${stage}`,
        ),
        'analyse',
      ].map((name) => `${name} completed`),
    );
  });

  test('reuses every finished stage of an equal campaign', async () => {
    await (await start(seeded(2, ONE_ARM))).result();
    const again = await start(seeded(2, { ...ONE_ARM, name: 'other-name' }));
    await again.result();
    const states = (await statusOf(again)).stages.map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(['reused']));
  });

  test('refuses a spec that does not parse, at once, with every bad field', async () => {
    const handle = await start({ ...seeded(3), seed: 'x', stages: { sft: { epochz: 1 } } });
    const failed = handle.result();
    await expect(failed).rejects.toMatchObject({
      cause: { type: 'InvalidInput', message: /seed: expected number, but got "x"/ },
    });
    await expect(failed).rejects.toMatchObject({ cause: { message: /stages\.sft\.epochz: no such field/ } });
  });

  test('refuses a domain that does not exist before anything is started', async () => {
    const handle = await start({ ...seeded(4), domain: { name: 'alchemy' } });
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'InvalidInput', message: /domain\.name: .*toy.*alchemy/ },
    });
  });

  test('refuses more GPUs than this machine has, naming the field', async () => {
    const handle = await start(seeded(5, { stages: { sft: { run: { resources: { gpus: 128 } } } } }));
    await expect(handle.result()).rejects.toMatchObject({ cause: { message: /stages\.sft\.run: .*128/s } });
  });

  test('tries again after a failure that another attempt can help, with an attempt number that grows', async () => {
    const handle = await start(seeded(6, { ...ONE_ARM, settings: { faults: { 'astro/rl': [70], search: [71, 72] } } }));
    await handle.result();
    const status = await statusOf(handle);
    expect(stageOf(status, 'search')).toMatchObject({
      attempt: 2,
      executions: 3,
      failures: 2,
      incidents: expect.arrayContaining([expect.objectContaining({ class: 'NodeFailure' })]),
    });
    expect(stageOf(status, 'astro/rl')).toMatchObject({
      attempt: 1,
      failures: 1,
      incidents: expect.arrayContaining([expect.objectContaining({ class: 'Diverged' })]),
    });
    const claims = readdirSync(claimsDir(stageDir(bench.store, stageOf(status, 'search').result!.key)));
    expect(claims.filter((name) => name.endsWith('.json')).sort()).toEqual(['00000.json', '00001.json', '00002.json']);
  });

  test('does not try again what would fail again, and lets the other arm finish', async () => {
    const handle = await start(seeded(7, { settings: { faults: { 'astro/sft': [65, 65] } } }));
    await expect(handle.result()).rejects.toThrow();
    const status = await statusOf(handle);
    expect(stageOf(status, 'astro/sft')).toMatchObject({
      state: 'failed',
      executions: 1,
      incidents: expect.arrayContaining([expect.objectContaining({ class: 'InvalidInput' })]),
    });
    expect(stageOf(status, 'direct/evaluate-rl').state).toBe('completed');
    expect(status.phase).toBe('failed');
  });

  test('holds a stage that has spent its attempts until retryStage', async () => {
    const handle = await start(
      seeded(8, { ...ONE_ARM, onFailure: 'hold', settings: { faults: { 'astro/rewrite': [65] } } }),
    );
    await until(handle, 'astro/rewrite', 'held');
    await expect(handle.executeUpdate('retryStage', { args: [{ stage: 'astro/sft' }] })).rejects.toMatchObject({
      cause: { message: /expected a held stage \(astro\/rewrite\)/ },
    });
    await handle.executeUpdate('retryStage', { args: [{ stage: 'astro/rewrite' }] });
    await handle.result();
    expect(stageOf(await statusOf(handle), 'astro/rewrite')).toMatchObject({ state: 'completed', executions: 2 });
  });

  test('pauses: every process ends, and the stage goes on at the same step after resume', async () => {
    const handle = await start(seeded(9, { settings: { steps: 100, stepMs: 50, only: ['pretrain'] } }));
    const { key } = stageOf(await until(handle, 'pretrain', 'running'), 'pretrain');
    const journal = join(stageDir(bench.store, key!), 'journal/0.txt');
    while (!existsSync(journal)) await sleep(50);
    const paused = await handle.executeUpdate<CampaignStatus, []>('pause');
    expect(paused.phase).toBe('paused');
    await expect(handle.executeUpdate('pause')).rejects.toMatchObject({ cause: { message: /paused already/ } });
    await expect(handle.executeUpdate('retryStage', { args: [{ stage: 'astro/rl' }] })).rejects.toMatchObject({
      cause: { message: /no stage of this campaign is held/ },
    });
    expect(await bench.executor.observe(jobNames('pretrain')[0]!)).toMatchObject({ phase: 'stopped' });
    await handle.executeUpdate('resume');
    await until(handle, 'pretrain', 'completed');
    expect(readFileSync(journal, 'utf8')).toHaveLength(100); // none of the steps before the pause was done twice
    expect(stageOf(await statusOf(handle), 'pretrain')).toMatchObject({ executions: 2, failures: 0 });
    await handle.cancel();
    await handle.result().catch(() => undefined);

    function jobNames(stage: string): string[] {
      return readdirSync(join(bench.store, '../local/jobs')).filter((name) =>
        name.startsWith(`${handle.workflowId}-${stage}`),
      );
    }
  });

  test('waits for approve before RL where the spec asks for it', async () => {
    const handle = await start(seeded(10, { approveBeforeRl: true }));
    await until(handle, 'astro/rl', 'blocked');
    await until(handle, 'direct/rl', 'blocked');
    await expect(handle.executeUpdate('approve', { args: [{ arm: 'nobody' }] })).rejects.toMatchObject({
      cause: { message: /expected one of astro, direct/ },
    });
    await handle.executeUpdate('approve', { args: [{}] });
    expect((await handle.result()).campaignId).toBe(handle.workflowId);
  });

  test('frees every process before it closes when it is cancelled', async () => {
    const handle = await start(seeded(11, { settings: { steps: 1000, stepMs: 50 } }));
    await until(handle, 'pretrain', 'running');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    const names = readdirSync(join(bench.store, '../local/jobs')).filter((name) =>
      name.startsWith(`${handle.workflowId}-`),
    );
    for (const name of names) expect((await bench.executor.observe(name))?.phase ?? 'stopped').toBe('stopped');
    expect((await statusOf(handle)).phase).toBe('cancelled');
  });

  test('two campaigns that need the same stage run it once', async () => {
    const spec = seeded(12, { ...ONE_ARM, settings: { steps: 10, stepMs: 50 } });
    const [first, second] = await Promise.all([start(spec), start({ ...spec, name: 'twin' })]);
    await Promise.all([first.result(), second.result()]);
    const executions = [await statusOf(first), await statusOf(second)].map((status) =>
      status.stages.reduce((sum, stage) => sum + stage.executions, 0),
    );
    expect(executions[0]! + executions[1]!).toBe(12);
  }, 60_000);

  test('can be started by the temporal command line from a JSON file, and is found by its search attributes', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'orrery-spec-')), 'spec.json');
    writeFileSync(file, JSON.stringify(seeded(13, ONE_ARM)));
    const temporal = (...args: string[]) =>
      promisify(execFile)('.venv/bin/temporal', [...args, '--address', bench.address]);
    await temporal(
      'workflow',
      'start',
      '--task-queue',
      'orrery',
      '--type',
      'campaign',
      '--workflow-id',
      'by-hand',
      '--input-file',
      file,
    );
    await bench.client.workflow.getHandle('by-hand').result();
    const query =
      "OrreryModel = 'tiny' AND OrreryArm = 'astro' AND OrreryPhase = 'completed' AND WorkflowId = 'by-hand'";
    for (let looks = 0; looks < 50; looks += 1) {
      const { count } = await bench.client.workflow.count(query);
      if (count === 1) return;
      await sleep(200); // visibility is eventual
    }
    throw new Error('not found by its search attributes');
  }, 60_000);
});
