import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import getPort from 'get-port';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { readPidFile } from '../../dev/processes.ts';
import { secondClone } from '../../dev/second-clone.ts';
import { findMarked, killMarked } from '../../local/processes.ts';
import { CTRL_C, onTerminal } from '../support/terminal.ts';

// Runs the real demo in a clone of its own, with Temporal, worker and trainers. Only the campaign is small.
vi.setConfig({ testTimeout: 240_000 });
const PATIENCE_MS = 100_000;

const MARK = 'ORRERY_TEST_DEMO';
const mark = randomUUID();
let clone: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  clone = secondClone();
  const ports = { ORRERY_TEMPORAL_PORT: `${await getPort()}`, ORRERY_TEMPORAL_UI_PORT: `${await getPort()}` };
  env = { ...process.env, ...ports, [MARK]: mark };
});
afterAll(async () => {
  await killMarked(MARK, mark);
  rmSync(clone, { recursive: true, force: true });
});

const demoOnTerminal = () =>
  onTerminal([process.execPath, 'scripts/bootstrap.mjs', 'demo', '--file', inProject('dev/soak/micro.yaml')], {
    env,
    cwd: clone,
  });

test('Ctrl-C pauses the demo, the same command continues it, and a second Ctrl-C ends it at once', async () => {
  {
    await using demo = demoOnTerminal();
    await demo.untilShown('● running', PATIENCE_MS);
    demo.press(CTRL_C);
    expect(await demo.ended(), demo.text()).toBe(130);
    expect(demo.text()).toContain('pausing: the stages save and end');
    expect(demo.text()).toContain('run the same command again to continue from here');
    expect(demo.text()).not.toContain('could not pause');
    expect(demo.hasCursor()).toBe(true);
    expect(await findMarked(MARK, mark)).toEqual([]); // no trainer, no worker, no Temporal
  }

  await using demo = demoOnTerminal();
  await demo.untilShown('campaign micro continues where it stopped', PATIENCE_MS);
  await demo.untilShown('● running', PATIENCE_MS);
  const worker = readPidFile(join(clone, '.orrery/worker.pid'), 'worker.ts') as number;
  process.kill(worker, 'SIGSTOP'); // The pause must not complete before the second Ctrl-C.
  demo.press(CTRL_C);
  await demo.untilShown('pausing: the stages save and end');
  await sleep(500); // A second Ctrl-C right after the first counts as the same one.
  demo.press(CTRL_C);
  expect(await demo.ended(), demo.text()).toBe(130);
  expect(demo.text()).toContain('npm run down');
  expect(await findMarked(MARK, mark)).toContain(worker);
});
