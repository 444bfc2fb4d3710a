import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Patience } from '../../stages/patience.ts';
import { connectPolicy, type Policy } from '../../stages/policy.ts';
import { type FakePolicyServer, type Instead, startFakePolicyServer } from '../support/fake-policy-server.ts';
import { aStageContext } from '../support/stage-context.ts';
import { aFaultFolder } from './support/folder.ts';
import { entriesOnDisk } from './support/journals.ts';
import { aWorld, startCountdownPolicy, type World } from './support/world.ts';

/**
 * The policy server here is a fake over real HTTP: a real one cannot be told to answer garbage. What it takes from a real one is in
 * `stages-real-policy.test.ts`.
 */
const REQUEST = { prompt: 'Solve: 1 + 1 =', n: 2, maxTokens: 8, temperature: 1, topP: 0.9, seed: 5 };
const aChoice = (fields: object = {}) => ({
  ...{ index: 0, text: 'a', finish_reason: 'stop', logprobs: { token_logprobs: [-1] }, ...fields },
});
const anAnswer = (...choices: object[]): Instead => ({
  status: 200,
  body: JSON.stringify({ choices, usage: { prompt_tokens: 1, completion_tokens: 1 } }),
});

/** What may come instead of an answer, and the words of it that a person is told. */
const TROUBLE: readonly { readonly name: string; readonly instead: Instead; readonly words: RegExp }[] = [
  { name: 'status 500', instead: { status: 500, body: '{"error":{"message":"CUDA error"}}' }, words: /500 CUDA error/ },
  { name: 'status 429', instead: { status: 429, body: '{}' }, words: /does not answer: 429/ },
  {
    name: 'status 502 of a proxy',
    instead: { status: 502, body: '<html>Bad Gateway' },
    words: /502 <html>Bad Gateway/,
  },
  {
    name: 'a status 400 that no policy server wrote',
    instead: { status: 400, body: '<html>what?' },
    words: /HTTP 400 <html>what/,
  },
  { name: 'a closed connection', instead: 'hang up', words: /(other side closed|ECONNRESET|socket hang up)/ },
  { name: 'half of an answer', instead: 'half', words: /its answer broke off: (other side closed|.*ECONNRESET)/ },
  { name: 'what is not JSON', instead: { status: 200, body: 'Lorem ipsum' }, words: /not a completion: .*JSON/ },
  { name: 'an empty answer', instead: { status: 200, body: '' }, words: /answers what is not a completion/ },
  { name: 'another JSON', instead: { status: 200, body: '[]' }, words: /not a completion: .*expected object/ },
  { name: 'too few choices', instead: anAnswer(aChoice()), words: /expected 2 choices, but got 1/ },
  {
    name: 'a choice twice and one not at all',
    instead: anAnswer(aChoice({ index: 1 }), aChoice({ index: 1 })),
    words: /expected each index below 2 once, but got 1, 1/,
  },
  {
    name: 'choices without log-probabilities',
    instead: anAnswer(aChoice({ logprobs: null }), aChoice({ index: 1, logprobs: null })),
    words: /choices.0.logprobs/,
  },
  {
    name: 'tokens without log-probabilities',
    instead: anAnswer(aChoice({ logprobs: { token_logprobs: [] } }), aChoice({ index: 1 })),
    words: /token_logprobs: expected those of the tokens of a text/,
  },
  {
    name: 'a choice that was given up',
    instead: anAnswer(aChoice({ finish_reason: 'abort' }), aChoice({ index: 1 })),
    words: /choices.0.finish_reason/,
  },
];

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
    const { policy } = await connect(server, { silenceMs: 90, requestMs: 700 });
    server.beforeAnswer = () => 'hang';
    await down(policy, /is up, but has not answered a request within 0.7 s, nine tenths of run.stallTimeoutSeconds/);
    expect(server.requests, 'it was asked again for what takes too long').toHaveLength(1);
  });

  test('is told from one that was busy for a moment', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(server, { silenceMs: 300 });
    let looks = 0;
    server.beforeHealth = () => (++looks % 3 === 0 ? undefined : { status: 503, body: 'busy' });
    server.beforeAnswer = () => sleep(1500).then(() => undefined);
    expect(await policy.complete(REQUEST)).toHaveLength(2);
    expect(looks).toBeGreaterThan(3);
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
  setTimeout(() => stop.abort(new Error('preempted')), 300);
  await expect(policy.complete(REQUEST)).rejects.toThrow('preempted');
  expect(waits).toEqual([50_000]);
});

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
        // One choice is too few for those only that ask for more.
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

  test('that hears nothing but garbage ends with 69 and says what it heard, and counts nothing as wrong', async () => {
    const calm = await world.calm('evaluate');
    const stage = await world.plan('evaluate', 'garbage', { run: { stallTimeoutSeconds: 6 } });
    const from = server.requests.length;
    server.beforeAnswer = () =>
      server.requests.length - from > 8 ? { status: 200, body: '{"choices":[{"text":"no"}]}' } : undefined;
    expect(await stage.start().ended).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(
        /^the policy server at .* is of no use: it answers what is not a completion: choices\.0/,
      ),
    });
    // Each entry is one that an undisturbed run has as well.
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

  test('whose server hangs ends with 69 before it is taken for stalled, and SIGTERM ends it at once', async () => {
    const stage = await world.plan('evaluate', 'hang', { run: { stallTimeoutSeconds: 12 } });
    const from = server.requests.length;
    server.beforeAnswer = () => (server.requests.length - from > 6 ? 'hang' : undefined);
    server.beforeHealth = () => (server.requests.length - from > 6 ? 'hang' : undefined);
    const run = stage.start();
    expect(await run.ended).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/is of no use: it hangs: GET \/health came to nothing/),
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
