import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { CTRL_C, type OnTerminal, onTerminal } from '../support/terminal.ts';
import { aCampaign, openWorkbench, type Workbench } from '../support/worker.ts';

// A real campaign of toy stages, and the commands on a real pseudo-terminal. Nothing waits for the campaign's end.

let bench: Workbench;
let worker: Awaited<ReturnType<Workbench['startWorker']>>;
beforeAll(async () => {
  bench = await openWorkbench();
  worker = await bench.startWorker();
  await start('long');
});
afterAll(async () => {
  await worker?.stop();
  await bench?.close();
});

const LONG = { steps: 10_000, stepMs: 100, talks: true };
const start = (workflowId: string) =>
  bench.client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [aCampaign({ settings: LONG })] });

const environment = () => ({ ...process.env, TEMPORAL_ADDRESS: bench.address, ORRERY_STORE: bench.store });
/** The command as `npx orrery` runs it: under the wrapper that looks for the pinned Node. */
const orrery = (...args: string[]): OnTerminal =>
  onTerminal([process.execPath, inProject('cli/orrery.mjs'), ...args], { env: environment() });

const isRunning = async (id: string) =>
  (await bench.client.workflow.getHandle(id).describe()).status.name === 'RUNNING';

describe('Ctrl-C ends with 130, says that the campaign goes on and gives the cursor back', () => {
  test('of watch', async () => {
    await using watch = orrery('watch', 'long');
    await watch.untilShown('● running');
    expect(watch.hasCursor()).toBe(false);
    watch.press(CTRL_C);
    expect(await watch.ended()).toBe(130);
    expect(watch.text()).toContain('campaign long goes on');
    expect(watch.text()).toContain('orrery pause long');
    expect(watch.hasCursor()).toBe(true);
    expect(await isRunning('long')).toBe(true);
  });

  test('of submit --wait', async () => {
    const file = join(await temporaryFolder(), 'campaign.json');
    writeFileSync(file, JSON.stringify(aCampaign({ name: 'waited-for', settings: LONG })));
    await using submit = orrery('submit', file, '--wait');
    await submit.untilShown('waited-for');
    submit.press(CTRL_C);
    expect(await submit.ended()).toBe(130);
    expect(submit.text()).toContain('campaign waited-for goes on');
    expect(submit.hasCursor()).toBe(true);
    expect(await isRunning('waited-for')).toBe(true);
  });

  test('of logs -f', async () => {
    await using logs = orrery('logs', 'long', '-f');
    await logs.untilShown('attempt 0, step');
    logs.press(CTRL_C);
    expect(await logs.ended()).toBe(130);
    expect(logs.text()).toContain('campaign long goes on');
  });
});

test('one Ctrl-C that npm hands on too is one: what it says is not cut short', async () => {
  await using watch = onTerminal(['npm', 'run', '--silent', 'orrery', '--', 'watch', 'long'], {
    env: environment(),
    cwd: inProject(),
  });
  await watch.untilShown('● running');
  watch.press(CTRL_C);
  expect([130, 'SIGINT']).toContain(await watch.ended()); // some shells between npm and us end by the signal themselves
  expect(watch.text().match(/campaign long goes on/g)).toHaveLength(1);
});

test('a terminal without a size is told in lines: a table would have no room there, and nothing would be shown', async () => {
  await using watch = onTerminal([process.execPath, inProject('cli/orrery.mjs'), 'watch', 'long'], {
    env: environment(),
    size: [0, 0],
  });
  await watch.untilShown('● running');
  expect(watch.hasCursor()).toBe(true);
});

test('a terminal that closes ends the watch; nothing is left waiting for it', async () => {
  await using watch = orrery('watch', 'long');
  await watch.untilShown('● running');
  watch.close();
  expect(await watch.ended()).toBe(130); // in good order, not by SIGHUP
  expect(await isRunning('long')).toBe(true);
});
