import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { backoffMs, type Patience, patienceOf } from '../../stages/policy/patience.ts';
import { connectPolicy, type Policy } from '../../stages/policy/policy.ts';
import { type FakePolicyServer, startFakePolicyServer } from '../support/fake-policy-server.ts';
import { until } from '../support/machine.ts';
import { TROUBLE } from '../support/policy-trouble.ts';
import { aStageContext } from '../support/stage-context.ts';

/** The policy server is a fake over real HTTP here: a real one cannot be told to answer garbage. See also `tests/faults/`. */
const REQUEST = { prompt: 'Solve: 1 + 1 =', n: 2, maxTokens: 8, temperature: 1, topP: 0.9, seed: 5 };
async function connect(server: FakePolicyServer, patience: Partial<Patience>, signal = new AbortController().signal) {
  const context = await aStageContext({ kind: 'curriculum' }, '/nowhere', { signal });
  const waits: number[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void waits.push(JSON.parse(line).waitMs) });
  return { policy: await connectPolicy({ ...context, log }, { url: server.url, patience }), waits };
}
const down = (policy: Policy, words: RegExp) =>
  expect(policy.complete(REQUEST)).rejects.toMatchObject({
    failure: 'DependencyDown',
    message: expect.stringMatching(words),
  });

describe('a request that meets', () => {
  // Side by side: each waits for its back-off.
  test.concurrent.each(TROUBLE)('$name is asked again, and counts once', async ({ instead }) => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy, waits } = await connect(server, {});
    server.beforeAnswer = () => (server.requests.length < 2 ? instead : undefined);
    expect(await policy.complete(REQUEST)).toHaveLength(2);
    expect(server.requests).toHaveLength(2);
    expect(policy.usage.requests).toBe(1);
    expect(waits).toEqual([expect.toSatisfy((ms: number) => ms >= 250 && ms <= 500)]);
  });

  test.each(TROUBLE)('$name for too long is a dependency that is down, in words', async ({ instead, words }) => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { failingMs: 1 });
    server.beforeAnswer = () => instead;
    await down(policy, words);
    expect(server.requests).toHaveLength(2);
    expect(policy.usage.requests).toBe(0);
  });

  test('a server that asks for time gets it, but no more than there is patience', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy, waits } = await connect(server, { failingMs: 900 });
    server.beforeAnswer = () => ({ status: 429, body: '{}', headers: { 'retry-after': '3600' } });
    await down(policy, /429/);
    expect(waits).toEqual([expect.toSatisfy((ms: number) => ms > 500 && ms <= 900)]);
  });
});

describe('a server that takes a request and never answers', () => {
  test('hangs when it does not say either that it is well', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { silenceMs: 300, failingMs: 1 });
    server.beforeAnswer = () => 'hang';
    server.beforeHealth = () => 'hang';
    await down(policy, /it hangs: GET \/health came to nothing 3 times in a row \(no answer within 0.1 s\)/);
  });

  test('hangs when it says that it is not well, in its words', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { silenceMs: 300, failingMs: 1 });
    server.beforeAnswer = () => 'hang';
    server.beforeHealth = () => ({ status: 503, body: 'the engine died' });
    await down(policy, /it hangs: .*\(HTTP 503 the engine died\)/);
  });

  test('has as long as the stage bears with, when it is well', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { silenceMs: 900, requestMs: 1500 });
    server.beforeAnswer = () => 'hang';
    await down(policy, /is up, but has not answered a request within 1.5 s, nine tenths of run.stallTimeoutSeconds/);
    expect(server.requests, 'it was asked again for what takes too long').toHaveLength(1);
  });

  test('is told from one that was busy for a moment', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy, waits } = await connect(server, { silenceMs: 900 });
    let looks = 0;
    server.beforeHealth = () => (++looks % 3 === 0 ? undefined : { status: 503, body: 'busy' });
    server.beforeAnswer = async () => {
      while (looks < 5) await sleep(10);
      return undefined;
    };
    expect(await policy.complete(REQUEST)).toHaveLength(2);
    expect(waits, 'it was given up and asked again').toEqual([]);
  });
});

test('an answer may take longer than a client waits for its first byte', async () => {
  await using server = await startFakePolicyServer(() => 'Answer: 2');
  const { policy } = await connect(server, {});
  // The 300 s that undici gives to every `fetch` of a process, in small.
  const { Agent, setGlobalDispatcher, getGlobalDispatcher } = await import('undici');
  const usual = getGlobalDispatcher();
  setGlobalDispatcher(new Agent({ headersTimeout: 200, bodyTimeout: 200 }));
  try {
    server.beforeAnswer = () => sleep(1200).then(() => undefined);
    const plain = fetch(`${server.url}/v1/completions`, { method: 'POST', body: JSON.stringify(REQUEST) });
    await expect(plain).rejects.toMatchObject({ cause: { code: 'UND_ERR_HEADERS_TIMEOUT' } });
    expect(await policy.complete(REQUEST)).toHaveLength(2);
  } finally {
    setGlobalDispatcher(usual);
  }
});

test('a stage that stops does not wait for its next try', async () => {
  await using server = await startFakePolicyServer(() => 'Answer: 2');
  const stop = new AbortController();
  const { policy, waits } = await connect(server, {}, stop.signal);
  server.beforeAnswer = () => ({ status: 503, body: '{}', headers: { 'retry-after': '50' } });
  const asked = expect(policy.complete(REQUEST)).rejects.toThrow('preempted');
  await until('it waits for its next try', () => waits.length > 0);
  stop.abort(new Error('preempted'));
  await asked;
  expect(waits).toEqual([50_000]);
});

describe('patience', () => {
  test('ends with a server that hangs well before the stage is taken for stalled, whatever the stall limit', () => {
    for (const seconds of [2, 60, 1800, 7200, 10_000_000]) {
      const { requestMs, silenceMs, failingMs, verifierMs } = patienceOf(seconds);
      // Found to hang, asked again until patience is over, found to hang once more: a probe may begin a third of the silence late.
      expect((silenceMs * 8) / 3 + failingMs).toBeLessThan(seconds * 1000);
      expect(verifierMs * 3).toBeLessThan(seconds * 1000);
      expect(requestMs).toBeLessThan(seconds * 1000);
      expect(requestMs, 'a timer of Node fires at once').toBeLessThan(2 ** 31);
    }
  });

  test('waits longer from try to try, up to 8 s, and never in step with others', () => {
    expect([0, 1, 4, 5, 50].map((retry) => backoffMs(retry, 0))).toEqual([500, 1000, 8000, 8000, 8000]);
    expect(backoffMs(2, 0.5)).toBe(1500);
  });
});
