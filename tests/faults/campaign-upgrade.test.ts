import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { secondClone } from '../../dev/second-clone.ts';
import type { CampaignStatus } from '../../spec/index.ts';
import { type Machine, openMachine, until } from '../support/machine.ts';
import { aCampaign } from '../support/worker.ts';

let machine: Machine;
let copy: string;
const started: ChildProcess[] = [];
beforeEach(async () => {
  machine = await openMachine();
  copy = secondClone();
}, 120_000);
afterEach(async () => {
  for (const worker of started) worker.kill('SIGKILL');
  rmSync(copy, { recursive: true, force: true });
  await machine?.close();
}, 60_000);

/** The real worker of the copy, with its output. */
function startWorker(env: NodeJS.ProcessEnv = {}): { worker: ChildProcess; said: () => string } {
  const worker = spawn(process.execPath, [join(copy, 'worker.ts')], {
    cwd: copy,
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: machine.address,
      ORRERY_STORE: machine.store,
      ORRERY_HOME: machine.home,
      ...env,
    },
  });
  started.push(worker);
  let output = '';
  for (const stream of [worker.stdout, worker.stderr]) stream?.on('data', (data: Buffer) => (output += String(data)));
  return { worker, said: () => output };
}

/** Replaces the first activity of the campaign, so that today's histories do not replay. */
function changeWorkflowCode(): void {
  const path = join(copy, 'workflows/campaign.ts');
  const code = readFileSync(path, 'utf8');
  const changed = code.replace(
    'carried?.admitted ?? (await admit(campaignId, input))',
    '{ spec: input as never, searchAttributes: false }',
  );
  expect(changed).not.toBe(code);
  writeFileSync(path, changed);
}

test('a worker exits if its workflow code cannot continue an open workflow, and continues it otherwise', async () => {
  const first = await machine.startWorker();
  const spec = aCampaign({ arms: [{ name: 'astro' }], settings: { steps: 2000, stepMs: 50, only: ['pretrain'] } });
  const handle = await machine
    .client()
    .workflow.start('campaign', { taskQueue: 'orrery', workflowId: 'open', args: [spec] });
  await until(
    'pretrain runs',
    async () => (await handle.query<CampaignStatus>('status')).stages[1]?.state === 'running',
  );
  first.kill('SIGKILL');

  changeWorkflowCode();
  const changed = startWorker();
  const [exitCode] = await once(changed.worker, 'exit');
  expect(exitCode).toBe(65);
  expect(changed.said()).toMatch(/cannot continue open workflows/);
  expect(changed.said()).toMatch(/"workflowId":"open"/);

  cpSync(inProject('workflows'), join(copy, 'workflows'), { recursive: true });
  const fitting = startWorker();
  await until('the worker polls', () => fitting.said().includes('worker started'));
  expect(fitting.said()).toMatch(/open workflows replayed/);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
}, 240_000);

test('a worker of a deployment version runs campaigns once its version is current, and pins them to it', async () => {
  const { said } = startWorker({ ORRERY_DEPLOYMENT: 'orrery', ORRERY_BUILD_ID: 'one' });
  await until('the worker polls', () => said().includes('worker started'));
  const { workflowService } = machine.client().connection;
  const version = { namespace: 'default', deploymentName: 'orrery', buildId: 'one', identity: 'test' };
  await until('the version is current', async () => {
    try {
      await workflowService.setWorkerDeploymentCurrentVersion({ ...version, ignoreMissingTaskQueues: true });
      return true;
    } catch {
      return false; // Temporal has not heard of the worker yet
    }
  });
  // The real activities refuse it at admission, because the project has no toy domain.
  const handle = await machine
    .client()
    .workflow.start('campaign', { taskQueue: 'orrery', workflowId: 'pinned', args: [aCampaign()] });
  await expect(handle.result()).rejects.toThrow();
  const { raw } = await handle.describe();
  expect(raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId).toBe('one');
}, 240_000);
