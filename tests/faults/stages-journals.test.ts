import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { random, seedFor } from '../../stages/runtime/random.ts';
import type { FakePolicyServer } from '../support/fake-policy-server.ts';
import { aFaultFolder } from './support/folder.ts';
import { appendLate, DAMAGES, type Damage, damage, entriesOnDisk, seedsBehind } from './support/journals.ts';
import { aWorld, JOURNALLED, startCountdownPolicy, type World } from './support/world.ts';

/** Kills of each stage. `ORRERY_FAULT_ROUNDS=20` makes a long run; `ORRERY_FAULT_SEED` draws other damage. */
const ROUNDS = Number(process.env.ORRERY_FAULT_ROUNDS ?? 4);
const SEED = Number(process.env.ORRERY_FAULT_SEED ?? 1);

/** Maximum number of answers before an attempt is killed: a share of all answers that its stage needs. */
const KILLED_WITHIN = { search: 50, linearise: 6, rewrite: 40, curriculum: 12, evaluate: 24 };

let server: FakePolicyServer;
let world: World;
beforeAll(async () => {
  server = await startCountdownPolicy();
  world = await aWorld(aFaultFolder('journals'), server.url, 12 + 6 * ROUNDS);
});
afterAll(() => server[Symbol.asyncDispose]());

describe('a stage that is killed by SIGKILL repeatedly, with its journals damaged in between,', () => {
  test.each(JOURNALLED)(
    '%s ends with the digest of an undisturbed run, and asks for nothing twice that it has',
    {
      timeout: 60_000 + ROUNDS * 20_000,
    },
    async (kind) => {
      const calm = await world.calm(kind);
      const troubled = await world.plan(kind, 'troubled');
      const next = random(seedFor(SEED, 'journal faults', kind));
      const story: string[] = [];
      const late: NonNullable<Damage['tail']>[] = [];
      let wentOnInTheMiddle = 0;

      async function goOn(attempt: number, killAfter: number) {
        const kept = await entriesOnDisk(troubled.dir);
        const done = seedsBehind(kind, kept, troubled.stage.seed);
        const from = server.requests.length;
        let answered = 0;
        const run = troubled.start({ attempt });
        server.beforeAnswer = async () => {
          // All problems are linearised at the same time. Answers one by one finish some problems before others.
          if (kind === 'linearise') await sleep(next() * 400);
          answered += 1;
          if (answered > killAfter) setTimeout(() => run.child.kill('SIGKILL'), next() * 20);
          return undefined;
        };
        const end = await run.ended;
        const asked = server.requests.slice(from);
        story.push(
          `attempt ${attempt}: ${kept.length} entries kept, ${asked.length} requests, ${end.signal ?? end.code}`,
        );
        const again = asked.filter(({ seed }) => done.has(seed));
        expect(again, `${story.join('\n')}\nasked again for what was in the journal`).toEqual([]);
        if (asked.length > 0 && kept.length > 0) {
          expect(end.stdout, story.join('\n')).toContain(`"entries":${kept.length},"msg":"resumes from the journal"`);
          wentOnInTheMiddle += isInTheMiddle(kept) ? 1 : 0;
        }
        return end;
      }

      let attempt = 0;
      for (; attempt < ROUNDS; attempt += 1) {
        const end = await goOn(attempt, Math.floor(next() * KILLED_WITHIN[kind]));
        if (end.code === 0) break; // it finished before the number of requests was reached
        for (const tail of late.splice(0)) await appendLate(tail);
        const spoiled = await damage(troubled.dir, DAMAGES[attempt % DAMAGES.length]!, next);
        story.push(spoiled.words);
        if (spoiled.tail !== null) late.push(spoiled.tail);
      }
      const end = await goOn(attempt, Number.POSITIVE_INFINITY);
      expect(end, story.join('\n')).toMatchObject({ code: 0 });
      expect((await troubled.seal(attempt)).digest, story.join('\n')).toBe(calm.manifest.digest);
      expect(await troubled.output()).toBe(calm.output);
      expect(wentOnInTheMiddle, story.join('\n')).toBeGreaterThan(0);
    },
  );
});

/** A search has answers for a problem without a tree; the other stages have a finished item. */
function isInTheMiddle(kept: readonly Record<string, unknown>[]): boolean {
  if (!kept.some(({ type }) => type === 'candidates' || type === 'value' || type === 'tree')) return true;
  const finished = new Set(
    kept.flatMap(({ tree }) => (tree as { problem: { id: string } } | undefined)?.problem.id ?? []),
  );
  return kept.some(({ problem }) => problem !== undefined && !finished.has(String(problem)));
}
