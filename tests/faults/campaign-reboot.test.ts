import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CampaignStatus } from '../../spec/index.ts';
import type { campaign } from '../../workflows/index.ts';
import { type Machine, openMachine, until } from '../support/machine.ts';
import { stagesOfStore } from '../support/store-facts.ts';
import { aCampaign } from '../support/worker.ts';

let machine: Machine;
beforeEach(async () => {
  machine = await openMachine();
}, 120_000);
afterEach(async () => {
  await machine?.close();
}, 60_000);

const STEPS = 30;
const spec = aCampaign({
  arms: [{ name: 'astro' }],
  settings: { steps: STEPS, stepMs: 40 },
});
const handle = () => machine.client().workflow.getHandle<typeof campaign>('rebooted');
const status = () => handle().query<CampaignStatus>('status');
const isOver = async () => (await handle().describe()).status.name !== 'RUNNING';

/** Name of a stage that is at work. */
async function untilInTheMiddle(without: ReadonlySet<string>): Promise<string> {
  let name = '';
  await until('a stage is in the middle of its work', () => {
    const found = stagesOfStore(machine.store).find(
      (stage) => stage.steps > 3 && stage.steps < STEPS - 8 && !without.has(stage.name),
    );
    name = found?.name ?? '';
    return found !== undefined;
  });
  return name;
}

test('kill -9 of worker, Temporal and all stage processes at once, in each stage: the campaign continues where it was', async () => {
  let worker = await machine.startWorker();
  await machine.client().workflow.start('campaign', { taskQueue: 'orrery', workflowId: 'rebooted', args: [spec] });
  const struck = new Set<string>();
  while (struck.size < 4) {
    struck.add(await untilInTheMiddle(struck));
    worker.kill('SIGKILL');
    await Promise.all([machine.killTemporal(), machine.killJobs()]);
    await machine.startTemporal();
    worker = await machine.startWorker();
  }
  await until('the campaign is over', isOver, 180_000);
  expect((await handle().describe()).status.name).toBe('COMPLETED');

  for (const stage of stagesOfStore(machine.store)) {
    // Every step ran once: a step that was finished before a kill is not repeated.
    expect(stage, stage.name).toMatchObject({ sealed: true, steps: STEPS });
    expect(stage.attempts, stage.name).toEqual(stage.attempts.map((_, index) => index));
    expect(stage.attempts.length, stage.name).toBeLessThanOrEqual(struck.has(stage.name) ? 1 + struck.size : 2);
  }
  const { account, stages } = await status();
  expect(stages.flatMap(({ incidents }) => incidents.map((incident) => incident.class))).toContain('Crashed');
  expect(account.causes.Crashed?.times).toBeGreaterThanOrEqual(4);
}, 400_000);

test('a reboot of the machine is no crash, and does not spend its budget', async () => {
  await machine.startWorker();
  await machine.client().workflow.start('campaign', { taskQueue: 'orrery', workflowId: 'rebooted', args: [spec] });
  await untilInTheMiddle(new Set());
  // The test cannot reboot the machine. A reboot changes the boot id that supervisors record, and only that is faked.
  const jobs = join(machine.home, 'jobs');
  for (const job of readdirSync(jobs)) {
    const path = join(jobs, job, 'supervisor.json');
    const record = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; start: string };
    writeFileSync(path, JSON.stringify({ ...record, start: `another-boot ${record.start.split(' ')[1]}` }));
  }
  await machine.killJobs();
  await until('the failure is reported', async () =>
    (await status()).stages.some(({ incidents }) => incidents.length > 0),
  );
  const [incident] = (await status()).stages.flatMap(({ incidents }) => incidents);
  expect(incident).toMatchObject({ class: 'NodeFailure', followed: expect.stringContaining('another attempt') });
  expect(incident?.message).toContain('machine was restarted');
  await until('the campaign is over', isOver, 120_000);
  expect((await handle().describe()).status.name).toBe('COMPLETED');
}, 240_000);
