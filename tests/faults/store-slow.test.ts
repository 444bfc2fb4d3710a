import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Progress } from '../../spec/index.ts';
import { readJson } from '../../store/index.ts';
import type { FakePolicyServer } from '../support/fake-policy-server.ts';
import { aFaultFolder } from './support/folder.ts';
import { why, withoutStrace } from './support/tools.ts';
import { aWorld, startCountdownPolicy, type World } from './support/world.ts';

let server: FakePolicyServer;
let world: World;
beforeAll(async () => {
  server = await startCountdownPolicy();
  world = await aWorld(aFaultFolder('slow'), server.url);
});
afterAll(() => server[Symbol.asyncDispose]());

/**
 * The system calls by which a stage program writes. Each of them is slowed down, except `openat`: a program opens
 * hundreds of files to load its own sources.
 */
const CALLS = 'fsync,fdatasync,rename,link,linkat';

test.skipIf(withoutStrace !== null)(
  `a store that takes a second for every operation only costs time, and not one for every report${why(withoutStrace)}`,
  { timeout: 180_000 },
  async () => {
    const calm = await world.calm('curriculum');
    const stage = await world.plan('curriculum', 'slow', { problemsInFlight: 1 });
    // 16 prompts take 200 ms each: a dozen reports are due while the first one is still being written.
    server.beforeAnswer = () => new Promise((resolve) => setTimeout(() => resolve(undefined), 200));
    const trace = join(world.store, 'slow.trace');
    const inject = ['-e', `trace=${CALLS}`, '-e', `inject=${CALLS}:delay_enter=1s`];
    const end = await stage.start({ under: ['strace', '-f', '-o', trace, ...inject] }).ended;
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect((await stage.seal(0)).digest).toBe(calm.manifest.digest);

    const progress = await readJson(join(stage.dir, 'progress/00000.json'), Progress);
    expect(progress).toMatchObject({ done: 16, total: 16 });
    const written = readFileSync(trace, 'utf8').match(/rename\(.*progress\/00000\.json"/g) ?? [];
    expect(written.length).toBeGreaterThan(0);
    // Each report takes 3 s, so two begin during the 4 s of work. The last one is written at the end.
    expect(written.length).toBeLessThan(6);
  },
);
