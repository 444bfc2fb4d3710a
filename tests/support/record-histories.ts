/**
 * Records the histories that tests/workflows/replay.test.ts replays: `node tests/support/record-histories.ts`. Run it
 * for a new kind of campaign. A recorded history is not replaced because today's code no longer replays it: that is
 * what it is for.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { WorkflowHandle } from '@temporalio/client';
import type { CampaignSpecInput, CampaignStatus, StageState } from '../../spec/index.ts';
import { aCampaign, openWorkbench } from './worker.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = fileURLToPath(new URL('../histories/', import.meta.url));
const ONE_ARM = { arms: [{ name: 'astro' }] };

interface Scenario {
  readonly spec: CampaignSpecInput;
  /** The stage whose own history is recorded beside the campaign's. */
  readonly stage: string;
  readonly act?: (handle: WorkflowHandle) => Promise<unknown>;
  /** A foreign workflow has the id of this stage when the campaign starts. `act` terminates it. */
  readonly takenStage?: string;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'two-arms': { stage: 'search', spec: aCampaign({ seed: 1 }) },
  retried: {
    stage: 'search',
    spec: aCampaign({ ...ONE_ARM, seed: 2, settings: { faults: { search: [71, 72], 'astro/rl': [70] } } }),
  },
  failed: { stage: 'astro/sft', spec: aCampaign({ ...ONE_ARM, seed: 3, settings: { faults: { 'astro/sft': [65] } } }) },
  held: {
    stage: 'astro/sft',
    spec: aCampaign({ ...ONE_ARM, seed: 4, onFailure: 'hold', settings: { faults: { 'astro/sft': [65] } } }),
    act: async (handle) => {
      await until(handle, 'astro/sft', 'held');
      await handle.executeUpdate('retryStage', { args: [{ stage: 'astro/sft' }] });
    },
  },
  paused: {
    stage: 'pretrain',
    spec: aCampaign({ ...ONE_ARM, seed: 5, settings: { steps: 40, stepMs: 50, only: ['pretrain', 'search'] } }),
    act: async (handle) => {
      for (const stage of ['pretrain', 'search']) {
        await until(handle, stage, 'running');
        await handle.executeUpdate('pause');
        await handle.executeUpdate('resume');
      }
    },
  },
  approved: {
    stage: 'astro/rl',
    spec: aCampaign({ ...ONE_ARM, seed: 6, approveBeforeRl: true }),
    act: async (handle) => {
      await until(handle, 'astro/rl', 'blocked');
      await handle.executeUpdate('approve', { args: [{}] });
    },
  },
  cancelled: {
    stage: 'pretrain',
    spec: aCampaign({ ...ONE_ARM, seed: 7, settings: { steps: 1000, stepMs: 50, only: ['pretrain'] } }),
    act: async (handle) => {
      await until(handle, 'pretrain', 'running');
      await handle.cancel();
    },
  },
  // As tctl does it, which has no updates; and as the CLI does where no worker answers.
  signalled: {
    stage: 'pretrain',
    spec: aCampaign({ ...ONE_ARM, seed: 8, settings: { steps: 60, stepMs: 50, only: ['pretrain'] } }),
    act: async (handle) => {
      await until(handle, 'pretrain', 'running');
      await handle.signal('pause');
      await until(handle, 'pretrain', 'paused');
      await handle.signal('resume');
    },
  },
  // Somebody else's workflow has the id of a stage, and somebody else's signal pauses one.
  taken: {
    stage: 'prepare',
    spec: aCampaign({ ...ONE_ARM, seed: 10, until: 'linearise' }),
    takenStage: 'prepare',
    act: async (handle) => {
      await until(handle, 'prepare', 'blocked');
      await bench.client.workflow.getHandle(`${handle.workflowId}/prepare`).terminate();
    },
  },
  strayed: {
    stage: 'pretrain',
    spec: aCampaign({
      ...ONE_ARM,
      seed: 11,
      settings: { steps: 40, stepMs: 50, only: ['pretrain'] },
      until: 'linearise',
    }),
    act: async (handle) => {
      await until(handle, 'pretrain', 'running');
      await bench.client.workflow.getHandle(`${handle.workflowId}/pretrain`).signal('setPaused', true);
      await until(handle, 'pretrain', 'completed');
      await handle.executeUpdate('pause');
      await handle.executeUpdate('resume');
    },
  },
  stalled: {
    stage: 'search',
    spec: aCampaign({
      ...ONE_ARM,
      seed: 9,
      settings: { faults: { search: ['hang'] } },
      stages: { search: { run: { stallTimeoutSeconds: 3, graceSeconds: 2 } } },
    }),
  },
};

async function until(handle: WorkflowHandle, stage: string, state: StageState): Promise<void> {
  for (let looks = 0; looks < 600; looks += 1) {
    const { stages } = await handle.query<CampaignStatus>('status');
    if (stages.find(({ name }) => name === stage)?.state === state) return;
    await sleep(100);
  }
  throw new Error(`${stage} did not become ${state}`);
}

const bench = await openWorkbench();
const worker = await bench.startWorker();
mkdirSync(FOLDER, { recursive: true });
for (const [name, { spec, stage, act, takenStage }] of Object.entries(SCENARIOS)) {
  if (existsSync(join(FOLDER, `${name}.json`))) continue;
  if (takenStage !== undefined) {
    // The worker does not know this type: the workflow fails its tasks and stays open.
    const options = { taskQueue: 'orrery', workflowId: `${name}/${takenStage}` };
    await bench.client.workflow.start('somebody-else', options);
  }
  const handle = await bench.client.workflow.start('campaign', { taskQueue: 'orrery', workflowId: name, args: [spec] });
  await act?.(handle);
  await handle.result().catch(() => undefined); // Failed campaigns have a history too.
  await save(name, name);
  await save(`${name}/${stage}`, `${name}-stage`);
}
await worker.stop();
await bench.close();

async function save(workflowId: string, name: string): Promise<void> {
  const { stdout } = await promisify(execFile)(
    '.venv/bin/temporal',
    ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json', '--address', bench.address],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  // Stack traces name the folder of whoever recorded it.
  const history = JSON.parse(stdout.replaceAll(PROJECT, '')) as { events: unknown[] };
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(history)}\n`);
  console.log(`${name}: ${history.events.length} events`);
}
