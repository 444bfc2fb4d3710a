import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CampaignStatus } from '../../spec/index.ts';
import { claimsDir, stageDir } from '../../store/index.ts';
import type { campaign } from '../../workflows/index.ts';
import { aCampaign, openWorkbench, type Workbench } from '../support/worker.ts';

let bench: Workbench;
const workers: ChildProcess[] = [];

beforeAll(async () => {
  bench = await openWorkbench();
}, 120_000);
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await bench?.close();
}, 60_000);

function startWorkerProcess(): ChildProcess {
  const program = fileURLToPath(new URL('../support/toy-worker.ts', import.meta.url));
  const worker = spawn(process.execPath, [program, bench.address, bench.store, bench.home], { stdio: 'inherit' });
  workers.push(worker);
  return worker;
}

test('a worker that is killed in the middle of a stage is replaced by one that adopts the running process', async () => {
  const steps = 100;
  const first = startWorkerProcess();
  const handle = await bench.client.workflow.start<typeof campaign>('campaign', {
    taskQueue: 'orrery',
    workflowId: 'killed',
    args: [aCampaign({ arms: [{ name: 'astro' }], settings: { steps, stepMs: 40, only: ['pretrain'] } })],
  });
  const job = await untilJobRuns('killed-pretrain');

  first.kill('SIGKILL');
  await once(first, 'exit');
  expect(await bench.executor.observe(job)).toMatchObject({ phase: 'running' });

  startWorkerProcess();
  await handle.result();
  const status = await handle.query<CampaignStatus>('status');
  const pretrain = status.stages.find(({ name }) => name === 'pretrain')!;
  expect(pretrain).toMatchObject({ state: 'completed', executions: 1, attempt: 0, failures: 0 });
  const dir = stageDir(bench.store, pretrain.result!.key);
  expect(readdirSync(claimsDir(dir))).toEqual(['00000.json']);
  expect(readFileSync(join(dir, 'journal/0.txt'), 'utf8')).toHaveLength(steps);

  async function untilJobRuns(prefix: string): Promise<string> {
    for (let looks = 0; looks < 300; looks += 1) {
      const jobs = existsSync(join(bench.home, 'jobs')) ? readdirSync(join(bench.home, 'jobs')) : [];
      const job = jobs.find((name) => name.startsWith(prefix));
      if (job !== undefined && (await bench.executor.observe(job))?.phase === 'running') return job;
      await sleep(100);
    }
    throw new Error(`no job ${prefix} ran`);
  }
}, 120_000);
