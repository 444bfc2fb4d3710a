import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { random, seedFor } from '../../stages/runtime/random.ts';
import { aFaultFolder } from './support/folder.ts';
import { DAMAGES, damage, entriesOnDisk } from './support/journals.ts';
import { aRealPolicyServer, type RealPolicyServer, writeTinyPolicy } from './support/real-policy.ts';
import { aWorld, type FaultStage, type World } from './support/world.ts';

/**
 * Search and evaluation with the real policy server (in NumPy) and the real verifier. The policy is random. What
 * matters here: a request always gets the same answer, whatever other requests the server has and whatever was killed
 * before.
 */
const ROUNDS = Number(process.env.ORRERY_FAULT_ROUNDS ?? 3);
const SEED = Number(process.env.ORRERY_FAULT_SEED ?? 1);
const SMALL = { maxStepTokens: 24, maxRolloutTokens: 48 };
const CONFIGS = { search: { ...SMALL, iterations: 6, cPuct: 2 }, evaluate: { maxTokens: 64 } };

let server: RealPolicyServer;
let world: World;
beforeAll(async () => {
  const folder = aFaultFolder('real-policy');
  server = await aRealPolicyServer(writeTinyPolicy(join(folder, 'policy')));
  await server.start();
  world = await aWorld(join(folder, 'store'), server.url, 16, CONFIGS);
});

/** Waits until the attempt has `more` entries in its journal than now. */
async function untilJournalled(stage: FaultStage, more: number, ended: Promise<unknown>): Promise<void> {
  const before = (await entriesOnDisk(stage.dir)).length;
  const over = { yes: false };
  void ended.then(() => {
    over.yes = true;
  });
  while (!over.yes && (await entriesOnDisk(stage.dir)).length < before + more) await sleep(2);
}

test('a search that is killed repeatedly, with its journal damaged in between, gives the trees of an undisturbed one', {
  timeout: 60_000 + ROUNDS * 20_000,
}, async () => {
  const calm = await world.calm('search');
  const stage = await world.plan('search', 'killed');
  const next = random(seedFor(SEED, 'real policy'));
  let attempt = 0;
  for (; attempt < ROUNDS; attempt += 1) {
    const run = stage.start({ attempt });
    await untilJournalled(stage, 1 + Math.floor(next() * 12), run.ended);
    run.child.kill('SIGKILL');
    if ((await run.ended).code === 0) break;
    await damage(stage.dir, DAMAGES[attempt % DAMAGES.length]!, next);
  }
  const last = await stage.start({ attempt }).ended;
  expect(last).toMatchObject({ code: 0, stdout: expect.stringMatching(/resumes from the journal|published already/) });
  expect(await stage.output()).toBe(calm.output);
  expect((await stage.seal(attempt)).digest).toBe(calm.manifest.digest);
});

test('the server dies during requests and is started again: the stage continues to the same result', async () => {
  const calm = await world.calm('search');
  const stage = await world.plan('search', 'server killed', { run: { stallTimeoutSeconds: 240 } });
  const run = stage.start();
  await untilJournalled(stage, 8, run.ended);
  await server.kill();
  await server.start();
  expect(await run.ended).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/request failed; retrying/),
  });
  expect((await stage.seal(0)).digest).toBe(calm.manifest.digest);
});

test('the server is stopped (SIGSTOP): the stage ends with 69 and says so; when the server continues, the next attempt completes', async () => {
  const calm = await world.calm('evaluate');
  const stage = await world.plan('evaluate', 'server held', { run: { stallTimeoutSeconds: 12 } });
  const run = stage.start();
  await untilJournalled(stage, 3, run.ended);
  server.signal('SIGSTOP');
  const end = await run.ended;
  server.signal('SIGCONT');
  expect(end).toMatchObject({
    code: 69,
    stderr: expect.stringMatching(/failed: it hangs: GET \/health failed 3 times in a row/),
  });
  const kept = (await entriesOnDisk(stage.dir)).length;
  expect(kept).toBeGreaterThanOrEqual(3);
  expect(await stage.start({ attempt: 1 }).ended).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`"entries":${kept},"msg":"resumes from the journal"`),
  });
  expect((await stage.seal(1)).digest).toBe(calm.manifest.digest);
});

test('the server is gone: the stage ends with 69 and quotes the error', async () => {
  const stage = await world.plan('evaluate', 'server gone', { run: { stallTimeoutSeconds: 6 } });
  const run = stage.start();
  await untilJournalled(stage, 3, run.ended);
  await server.kill();
  expect(await run.ended).toMatchObject({
    code: 69,
    stderr: expect.stringMatching(/failed: (it does not answer: .*ECONNREFUSED|its answer broke off)/),
  });
});
