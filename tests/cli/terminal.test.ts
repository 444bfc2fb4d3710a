import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { CTRL_C, type OnTerminal, onTerminal } from '../support/terminal.ts';
import { aCampaign } from '../support/worker.ts';

// A real campaign of toy stages, and the commands on a real pseudo-terminal. No test waits for the end of the campaign.

const bench = runningWorkbench();
beforeAll(async () => {
  await start('long');
});

const LONG = { steps: 10_000, stepMs: 100, talks: true };
const start = (workflowId: string) =>
  bench.client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [aCampaign({ settings: LONG })] });

const environment = () => ({ ...process.env, TEMPORAL_ADDRESS: bench.address, ORRERY_STORE: bench.store });
/** Runs the command like `npx orrery`, under the pinned Node. */
const orrery = (...args: string[]): OnTerminal => orreryUnder(process.execPath, ...args);
const orreryUnder = (node: string, ...args: string[]): OnTerminal =>
  onTerminal([node, inProject('cli/orrery.mjs'), ...args], { env: environment() });

const isRunning = async (id: string) =>
  (await bench.client.workflow.getHandle(id).describe()).status.name === 'RUNNING';

describe('Ctrl-C ends with 130, prints that the campaign continues and restores the cursor', () => {
  test('of watch', async () => {
    await using watch = orrery('watch', 'long');
    await watch.untilShown('● running');
    expect(watch.hasCursor()).toBe(false);
    watch.press(CTRL_C);
    expect(await watch.ended()).toBe(130);
    expect(watch.text()).toContain('campaign long continues');
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
    expect(submit.text()).toContain('campaign waited-for continues');
    expect(submit.hasCursor()).toBe(true);
    expect(await isRunning('waited-for')).toBe(true);
  });

  test('of logs -f', async () => {
    await using logs = orrery('logs', 'long', '-f');
    await logs.untilShown('attempt 0, step');
    logs.press(CTRL_C);
    expect(await logs.ended()).toBe(130);
    expect(logs.text()).toContain('campaign long continues');
  });
});

test('one Ctrl-C counts once although npm forwards it too, and the message is complete', async () => {
  await using watch = onTerminal(['npm', 'run', '--silent', 'orrery', '--', 'watch', 'long'], {
    env: environment(),
    cwd: inProject(),
  });
  await watch.untilShown('● running');
  watch.press(CTRL_C);
  expect([130, 'SIGINT']).toContain(await watch.ended()); // Some shells between npm and the command end by the signal.
  expect(watch.text().match(/campaign long continues/g)).toHaveLength(1);
});

test('a terminal without a size gets lines, because log-update would print nothing there', async () => {
  await using watch = onTerminal([process.execPath, inProject('cli/orrery.mjs'), 'watch', 'long'], {
    env: environment(),
    size: [0, 0],
  });
  await watch.untilShown('● running');
  expect(watch.hasCursor()).toBe(true);
});

describe('under another Node, which starts the pinned one', () => {
  async function anotherNode(): Promise<string> {
    const node = join(await temporaryFolder(), 'node');
    copyFileSync(process.execPath, node);
    return node;
  }

  test('Ctrl-C ends the watch with 130', async () => {
    await using watch = orreryUnder(await anotherNode(), 'watch', 'long');
    await watch.untilShown('● running');
    watch.press(CTRL_C);
    expect(await watch.ended()).toBe(130);
    expect(watch.text().match(/campaign long continues/g)).toHaveLength(1);
    expect(watch.hasCursor()).toBe(true);
  });

  test('the exit code is that of the command', async () => {
    await using status = orreryUnder(await anotherNode(), 'status', 'no-such-campaign');
    expect(await status.ended()).toBe(66);
  });
});

test('a terminal that closes ends the watch, and the campaign continues', async () => {
  await using watch = orrery('watch', 'long');
  await watch.untilShown('● running');
  watch.close();
  expect(await watch.ended()).toBe(130); // A clean end, not death by SIGHUP.
  expect(await isRunning('long')).toBe(true);
});
