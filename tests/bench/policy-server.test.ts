import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEngine, type Speed } from '../../bench/policy-server/engine.ts';
import { createPrefixCache } from '../../bench/policy-server/prefix-cache.ts';
import { startBenchServer } from '../../bench/policy-server/server.ts';
import { answerOf, sample, statementOf, tokensIn } from '../../bench/policy-server/text-model.ts';

const SPEED: Speed = { slots: 3, stepMs: 2, stepMsPerSequence: 1, prefillTokensPerMs: 10 };

/** Slow and independent: one decode step at a time. @returns when each sequence ends, in the order given */
function slowEnds(all: readonly { tokens: number; prefillTokens: number }[], speed: Speed): number[] {
  const ends: number[] = [];
  const waiting = all.map(({ tokens, prefillTokens }, index) => ({ index, left: tokens, prefillTokens }));
  const running: typeof waiting = [];
  for (let clock = 0; ; ) {
    while (running.length < speed.slots && waiting.length > 0) {
      const next = waiting.shift()!;
      clock += next.prefillTokens / speed.prefillTokensPerMs;
      running.push(next);
    }
    if (running.length === 0) return ends;
    clock += speed.stepMs + speed.stepMsPerSequence * running.length;
    for (const one of running) one.left -= 1;
    for (const one of running.filter(({ left }) => left === 0)) ends[one.index] = clock;
    running.splice(0, running.length, ...running.filter(({ left }) => left > 0));
  }
}

describe('the simulated engine', () => {
  test('ends every sequence at the same time as a step-by-step simulation, however late the timer is', () => {
    const work = fc.record({ tokens: fc.integer({ min: 1, max: 9 }), prefillTokens: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(work, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 50 }), (all, lookMs) => {
        const engine = createEngine(SPEED);
        const slow = slowEnds(all, SPEED);
        const seenAt: number[] = all.map(() => Number.NaN);
        let now = 0;
        engine.submit(
          0,
          all.map((one, index) => ({ ...one, done: () => void seenAt.splice(index, 1, now) })),
        );
        while (engine.nextIn() !== null) {
          now += lookMs;
          engine.advance(now);
        }
        slow.forEach((end, index) => {
          expect(seenAt[index]).toBeGreaterThanOrEqual(end - 1e-6);
          expect(seenAt[index]).toBeLessThan(end + lookMs + 1e-6);
        });
        expect(engine.totals().generated).toBe(all.reduce((sum, { tokens }) => sum + tokens, 0));
        expect(engine.totals().spanMs).toBeCloseTo(Math.max(...slow), 6);
      }),
    );
  });

  test('counts the tokens decoded for a client that disconnected', () => {
    const engine = createEngine(SPEED);
    const works = [10, 2].map((tokens) => ({ tokens, prefillTokens: 0, done: () => {} }));
    engine.submit(0, works);
    engine.advance(4 * 4); // two of them run: 4 ms a step; after the second step one does, at 3 ms
    engine.cancel(4 * 4, [works[0]!]);
    expect(engine.totals()).toMatchObject({ generated: 2, aborted: 4 });
  });
});

test('the prefix cache finds the blocks that two prompts begin with, and forgets the oldest', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
  const cache = createPrefixCache(3);
  expect([a + b, a + b, a + a, b + a, a + b].map((prompt) => cache.read(prompt))).toEqual([0, 1, 0.5, 0, 0]);
});

describe('the text of the bench policy', () => {
  const prompt = `${statementOf(7)}\n\nSolution:\n\n`;

  test('is a function of prompt, seed and index', () => {
    expect(sample(prompt, 4, 1, false)).toEqual(sample(prompt, 8, 1, false).slice(0, 4));
    expect(sample(prompt, 4, 1, false)).not.toEqual(sample(prompt, 4, 2, false));
  });

  test('has as many log-probabilities as tokens, and ends where the problem does', () => {
    for (const { text, logprobs } of sample(prompt, 50, 1, false)) {
      expect(logprobs).toHaveLength(tokensIn(text));
      expect(text.match(/Step \d+ way/g)).toHaveLength(5);
      expect(text).toContain(`\\boxed{${answerOf(7)}`);
    }
  });

  test('draws a step with its probability', () => {
    const steps = sample(prompt, 4000, 1, true);
    const first = steps.filter(({ text }) => text.includes('way 0 :'));
    expect(first.length / steps.length).toBeCloseTo(Math.exp(first[0]!.logprobs[0]!), 1);
  });
});

test('the server reports its totals', async () => {
  const server = await startBenchServer({ haste: 1000 });
  const ask = async (path: string, body?: object) =>
    (await fetch(server.url + path, body && { method: 'POST', body: JSON.stringify(body) })).text();
  const answer = JSON.parse(
    await ask('/v1/completions', { prompt: `${statementOf(1)}\n\n`, n: 3, seed: 5, max_tokens: 500, logprobs: 0 }),
  );
  expect(answer.choices).toHaveLength(3);
  const tokens = answer.choices.flatMap((choice: { logprobs: { tokens: string[] } }) => choice.logprobs.tokens);
  expect(answer.usage.completion_tokens).toBe(tokens.length);
  expect(await ask('/metrics')).toContain('vllm:num_requests_running{model_name="bench"} 0');
  expect(JSON.parse(await ask('/totals'))).toMatchObject({ requests: 1, answered: 1, answeredTokens: tokens.length });
  await server.close();
});
