import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test as base, expect } from 'vitest';
import { aJob, doing, Machine, policyServer } from '../local/support.ts';
import { FAKETIME, why, withoutFaketime } from './support/tools.ts';

/**
 * The clock changes only for the worker, its supervisors and their programs (see stages-clock.test.ts). Waits must keep
 * their length: after the clock is set an hour forward, every recorded time of day lies an hour back.
 */
const test = base.skipIf(withoutFaketime !== null);

function machineWithClock(): { here: Machine; env: NodeJS.ProcessEnv; step: (to: string) => void } {
  const here = new Machine();
  mkdirSync(here.store, { recursive: true });
  const clock = join(here.folder, 'clock');
  const step = (to: string) => writeFileSync(clock, to);
  step('+0');
  const faketime = { FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  return { here, step, env: { LD_PRELOAD: FAKETIME, ...faketime } };
}

test(`a policy server that loads while the clock is set an hour forward does not count as silent${why(withoutFaketime)}`, async () => {
  const { here, env, step } = machineWithClock();
  await using _ = here;
  const request = aJob({ main: doing('brief', '100'), policyServer: policyServer('ready', '2000') });
  await here.worker(request, 'end', { env });
  await here.untilNoted('policy server begins');
  step('+1h');
  expect(await here.end(request.name)).toMatchObject({ phase: 'succeeded' });
  expect(Date.parse((await here.end(request.name)).pods[0]?.finishedAt ?? ''), 'the clock was stepped').toBeGreaterThan(
    Date.now() + 1_800_000,
  );
});

test(`a program that saves while the clock is set an hour forward has its whole grace period${why(withoutFaketime)}`, async () => {
  const { here, env, step } = machineWithClock();
  await using _ = here;
  const request = aJob({ main: doing('saveSlowly', '2000'), graceSeconds: 10 });
  const worker = await here.worker(request, 'suspend', { env });
  await here.untilNoted('saving 0');
  step('+1h');
  await once(worker, 'exit');
  expect(here.notes()).toContain('saved 0');
  expect(await here.end(request.name)).toMatchObject({ phase: 'stopped', pods: [{ exitCode: 143 }] });
});
