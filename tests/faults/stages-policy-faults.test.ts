import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FakePolicyServer } from '../support/fake-policy-server.ts';
import { TROUBLE } from '../support/policy-trouble.ts';
import { aFaultFolder } from './support/folder.ts';
import { entriesOnDisk } from './support/journals.ts';
import { aWorld, startCountdownPolicy, type World } from './support/world.ts';

/**
 * Stage programs whose policy server misbehaves. The server is a fake over real HTTP, because a real one does not
 * answer garbage. Faults of a real server are in `stages-real-policy.test.ts`.
 */
describe('a stage', () => {
  let server: FakePolicyServer;
  let world: World;
  beforeAll(async () => {
    server = await startCountdownPolicy();
    world = await aWorld(aFaultFolder('policy'), server.url);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each(['search', 'evaluate'] as const)(
    'goes through all of it, once a request, to the result of an undisturbed run: %s',
    async (kind) => {
      const calm = await world.calm(kind);
      const stage = await world.plan(kind, 'troubled');
      const met = new Set<string>();
      server.beforeAnswer = (request) => {
        const id = JSON.stringify([request.prompt, request.seed, request.n]);
        // One choice is too few only for requests of several choices.
        if (request.n === 1 || met.has(id) || met.size === TROUBLE.length) return undefined;
        met.add(id);
        return TROUBLE[met.size - 1]?.instead;
      };
      const end = await stage.start().ended;
      expect(end).toMatchObject({ code: 0, stderr: '' });
      expect(met.size).toBe(TROUBLE.length);
      expect((await stage.seal(0)).digest).toBe(calm.manifest.digest);
    },
  );

  test('that gets only garbage ends with 69, quotes the garbage, and counts no answer as wrong', async () => {
    const calm = await world.calm('evaluate');
    const stage = await world.plan('evaluate', 'garbage', { run: { stallTimeoutSeconds: 6 } });
    const from = server.requests.length;
    server.beforeAnswer = () =>
      server.requests.length - from > 8 ? { status: 200, body: '{"choices":[{"text":"no"}]}' } : undefined;
    expect(await stage.start().ended).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/^the policy server at .* failed: its answer is not a completion: choices\.0/),
    });
    // An undisturbed run has each of these entries too.
    const kept = await entriesOnDisk(stage.dir);
    expect(kept.length).toBeGreaterThan(0);
    const calmLines = calm.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const entry of kept)
      for (const completion of entry.completions as object[]) expect(calmLines).toContainEqual(completion);

    server.beforeAnswer = () => undefined;
    expect(await stage.start({ attempt: 1 }).ended).toMatchObject({ code: 0 });
    expect((await stage.seal(1)).digest).toBe(calm.manifest.digest);
  });

  test('whose server hangs ends with 69 before it counts as stalled, and SIGTERM ends it at once', async () => {
    const stage = await world.plan('evaluate', 'hang', { run: { stallTimeoutSeconds: 12 } });
    const from = server.requests.length;
    server.beforeAnswer = () => (server.requests.length - from > 6 ? 'hang' : undefined);
    server.beforeHealth = () => (server.requests.length - from > 6 ? 'hang' : undefined);
    const run = stage.start();
    expect(await run.ended).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/failed: it hangs: GET \/health failed/),
    });

    server.beforeHealth = () => undefined;
    const stopped = stage.start({ attempt: 1 });
    server.beforeAnswer = () => {
      stopped.child.kill('SIGTERM');
      return 'hang';
    };
    expect(await stopped.ended).toMatchObject({ code: 143 });
  });
});
