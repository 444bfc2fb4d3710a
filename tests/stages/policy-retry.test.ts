import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { connectPolicy, type Policy } from '../../stages/policy/policy.ts';
import { backoffMs, type Timeouts, timeoutsOf } from '../../stages/policy/retry.ts';
import { type FakePolicyServer, startFakePolicyServer } from '../support/fake-policy-server.ts';
import { until } from '../support/machine.ts';
import { TROUBLE } from '../support/policy-trouble.ts';
import { aStageContext } from '../support/stage-context.ts';

/**
 * The policy server is a fake over real HTTP here, because a real one cannot be made to send malformed answers. See
 * also `tests/faults/`.
 */
const REQUEST = { prompt: 'Solve: 1 + 1 =', n: 2, maxTokens: 8, temperature: 1, topP: 0.9, seed: 5 };
async function connect(server: FakePolicyServer, timeouts: Partial<Timeouts>, signal = new AbortController().signal) {
  const context = await aStageContext({ kind: 'curriculum' }, '/nowhere', { signal });
  const waits: number[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void waits.push(JSON.parse(line).waitMs) });
  return { policy: await connectPolicy({ ...context, log }, { url: server.url, timeouts }), waits };
}
const expectDown = (policy: Policy, message: RegExp) =>
  expect(policy.complete(REQUEST)).rejects.toMatchObject({
    failure: 'DependencyDown',
    message: expect.stringMatching(message),
  });

describe('a request that meets', () => {
  // Concurrent, because each one waits for its back-off.
  test.concurrent.each(TROUBLE)('$name is retried, and counts once', async ({ instead }) => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy, waits } = await connect(server, {});
    server.beforeAnswer = () => (server.requests.length < 2 ? instead : undefined);
    expect(await policy.complete(REQUEST)).toHaveLength(2);
    expect(server.requests).toHaveLength(2);
    expect(policy.usage.requests).toBe(1);
    expect(waits).toEqual([expect.toSatisfy((ms: number) => ms >= 250 && ms <= 500)]);
  });

  test.each(TROUBLE)('$name for too long ends with DependencyDown and a message', async ({ instead, words }) => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { failingMs: 1 });
    server.beforeAnswer = () => instead;
    await expectDown(policy, words);
    expect(server.requests).toHaveLength(2);
    expect(policy.usage.requests).toBe(0);
  });

  test('a server that asks for time gets it, within the time for retries', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy, waits } = await connect(server, { failingMs: 900 });
    server.beforeAnswer = () => ({ status: 429, body: '{}', headers: { 'retry-after': '3600' } });
    await expectDown(policy, /429/);
    expect(waits).toEqual([expect.toSatisfy((ms: number) => ms > 500 && ms <= 900)]);
  });
});

describe('a server that accepts a request and never answers', () => {
  test('hangs when its health check does not answer either', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { silenceMs: 300, failingMs: 1 });
    server.beforeAnswer = () => 'hang';
    server.beforeHealth = () => 'hang';
    await expectDown(policy, /it hangs: GET \/health failed 3 times in a row \(no answer within 0.1 s\)/);
  });

  test('hangs when its health check fails, and the error quotes it', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { silenceMs: 300, failingMs: 1 });
    server.beforeAnswer = () => 'hang';
    server.beforeHealth = () => ({ status: 503, body: 'the engine died' });
    await expectDown(policy, /it hangs: .*\(HTTP 503 the engine died\)/);
  });

  test('has the time limit of a request while it is healthy', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { silenceMs: 900, requestMs: 1500 });
    server.beforeAnswer = () => 'hang';
    await expectDown(
      policy,
      /is up, but has not answered a request within 1.5 s, nine tenths of run.stallTimeoutSeconds/,
    );
    expect(server.requests, 'a request that takes too long was retried').toHaveLength(1);
  });

  test('does not hang when it is only busy for a moment', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy, waits } = await connect(server, { silenceMs: 900 });
    let probes = 0;
    server.beforeHealth = () => (++probes % 3 === 0 ? undefined : { status: 503, body: 'busy' });
    server.beforeAnswer = async () => {
      while (probes < 5) await sleep(10);
      return undefined;
    };
    expect(await policy.complete(REQUEST)).toHaveLength(2);
    expect(waits, 'the request was given up and retried').toEqual([]);
  });
});

test('an answer may take longer than a client waits for its first byte', async () => {
  await using server = await startFakePolicyServer(() => 'Answer: 2');
  const { policy } = await connect(server, {});
  // Stands for the 300 s that undici allows every `fetch` of a process.
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

test('a stopping stage does not wait for the next retry', async () => {
  await using server = await startFakePolicyServer(() => 'Answer: 2');
  const stop = new AbortController();
  const { policy, waits } = await connect(server, {}, stop.signal);
  server.beforeAnswer = () => ({ status: 503, body: '{}', headers: { 'retry-after': '50' } });
  const asked = expect(policy.complete(REQUEST)).rejects.toThrow('preempted');
  await until('it waits for the next retry', () => waits.length > 0);
  stop.abort(new Error('preempted'));
  await asked;
  expect(waits).toEqual([50_000]);
});

describe('the timeouts', () => {
  test('end a request to a hanging server well before the stage counts as stalled, for every stall limit', () => {
    for (const seconds of [2, 60, 1800, 7200, 10_000_000]) {
      const { requestMs, silenceMs, failingMs, verifierMs } = timeoutsOf(seconds);
      // The server hangs, is retried until the time is over, and hangs once more. A probe may start a third of the
      // silence late.
      expect((silenceMs * 8) / 3 + failingMs).toBeLessThan(seconds * 1000);
      // It hangs three times, each time after a slow start.
      expect(verifierMs * 2 * 3).toBeLessThan(seconds * 1000);
      expect(requestMs).toBeLessThan(seconds * 1000);
      expect(requestMs, 'a timer of Node fires at once').toBeLessThan(2 ** 31);
    }
  });

  test('make the waits longer from retry to retry, up to 8 s, with a random part', () => {
    expect([0, 1, 4, 5, 50].map((retry) => backoffMs(retry, 0))).toEqual([500, 1000, 8000, 8000, 8000]);
    expect(backoffMs(2, 0.5)).toBe(1500);
  });
});
