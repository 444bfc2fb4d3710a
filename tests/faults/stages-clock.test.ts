import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PartManifest, Progress } from '../../spec/index.ts';
import { readJson } from '../../store/index.ts';
import type { FakePolicyServer } from '../support/fake-policy-server.ts';
import { aFaultFolder } from './support/folder.ts';
import { FAKETIME, why, withoutFaketime } from './support/tools.ts';
import { aWorld, startCountdownPolicy, type World } from './support/world.ts';

/**
 * The test does not change the clock of the machine, because all programs share it. libfaketime gives one program (and
 * its verifier) another time of day. The monotonic clock runs on, as it does when a real clock is set.
 */
let server: FakePolicyServer;
let world: World;
beforeAll(async () => {
  server = await startCountdownPolicy();
  world = await aWorld(aFaultFolder('clock'), server.url);
});
afterAll(() => server[Symbol.asyncDispose]());

const HOUR_MS = 3_600_000;

test.skipIf(withoutFaketime !== null).each(['search', 'evaluate'] as const)(
  `a clock that is set an hour forward and two back changes nothing in the work of %s, nor in how long it waits${why(withoutFaketime)}`,
  async (kind) => {
    const calm = await world.calm(kind);
    const stage = await world.plan(kind, 'stepped');
    const clock = join(world.store, `${kind}.clock`);
    writeFileSync(clock, '+0');
    const from = server.requests.length;
    server.beforeAnswer = () => {
      const asked = server.requests.length - from;
      if (asked === 4) writeFileSync(clock, '+1h');
      if (asked === 9) writeFileSync(clock, '-1h');
      // Also during a back-off: a wait that is measured by the time of day would take an hour, or no time.
      return asked === 3 || asked === 8 ? { status: 503, body: '{}' } : undefined;
    };
    const began = Date.now();
    const end = await stage.start({
      env: {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: clock,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        ORRERY_LOG_LEVEL: 'debug',
      },
    }).ended;
    expect(end).toMatchObject({ code: 0, stderr: '' });

    const part = await readJson(join(stage.dir, 'parts/00000.json'), PartManifest);
    const stepped = Date.parse(part.finishedAt) - began;
    expect(stepped, 'the clock was not stepped').toBeLessThan(-HOUR_MS / 2);
    const progress = await readJson(join(stage.dir, 'progress/00000.json'), Progress);
    if (progress.rate !== null) expect(progress.rate).toBeGreaterThan(0);
    expect((await stage.seal(0)).digest).toBe(calm.manifest.digest);
    expect(readFileSync(join(stage.dir, 'parts/00000.json'), 'utf8')).toContain('"attempt": 0');
  },
);
