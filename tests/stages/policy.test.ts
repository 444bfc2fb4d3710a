import { describe, expect, test } from 'vitest';
import { PromptTooLong } from '../../stages/policy/context-window.ts';
import { connectPolicy, type PolicyOptions } from '../../stages/policy/policy.ts';
import { startFakePolicyServer } from '../support/fake-policy-server.ts';
import { aStageContext } from '../support/stage-context.ts';

const REQUEST = { prompt: 'Solve: 1 + 1 =', n: 2, maxTokens: 8, temperature: 1, topP: 0.9, seed: 5 };
const QUICK: PolicyOptions['timeouts'] = { failingMs: 1 };

const aServer = (contextTokens?: number) =>
  startFakePolicyServer((_request, index, chance) => `Answer: ${index} ${chance}`, {
    ...(contextTokens === undefined ? {} : { contextTokens }),
  });

async function connect(url: string, signal = new AbortController().signal, timeouts: PolicyOptions['timeouts'] = {}) {
  const context = await aStageContext({ kind: 'curriculum' }, '/nowhere', { signal });
  return await connectPolicy(context, { timeouts: { ...QUICK, ...timeouts }, url });
}

describe('a request', () => {
  test('sends the fields of the protocol, stop strings included', async () => {
    await using server = await aServer();
    const policy = await connect(server.url);
    await policy.complete({ ...REQUEST, stop: [' .'] });
    expect(server.requests).toEqual([
      {
        model: 'fake',
        prompt: REQUEST.prompt,
        n: 2,
        seed: 5,
        temperature: 1,
        max_tokens: 8,
        top_p: 0.9,
        logprobs: 0,
        include_stop_str_in_output: true,
        stop: [' .'],
      },
    ]);
  });

  test('returns n completions, their tokens and the sums of their log-probabilities', async () => {
    await using server = await aServer();
    const policy = await connect(server.url);
    const completions = await policy.complete(REQUEST);
    expect(completions).toHaveLength(2);
    expect(completions[1]).toMatchObject({ tokens: 3, logprob: -1.5, finishReason: 'stop' });
    expect(completions[1]?.text).toMatch(/^Answer: 1/);
    expect(policy.usage).toMatchObject({ promptTokens: 5, completionTokens: 6, requests: 1 });
  });

  test('is retried when the server was busy', async () => {
    await using server = await aServer();
    const policy = await connect(server.url);
    server.beforeAnswer = () => (server.requests.length === 1 ? { status: 503, body: '{}' } : undefined);
    expect(await policy.complete(REQUEST)).toHaveLength(2);
    expect(server.requests).toHaveLength(2);
  });
});

describe('at temperature 0', () => {
  test.each([0, 1e-6])('(%s) one completion is requested, and is returned n times', async (temperature) => {
    await using server = await aServer(100);
    const policy = await connect(server.url);
    const asked = await policy.ask({ ...REQUEST, n: 16, temperature });
    expect(server.requests).toMatchObject([{ n: 1, temperature: 0 }]);
    expect(asked.completions).toHaveLength(16);
    expect(new Set(asked.completions.map(({ text }) => text)).size).toBe(1);
    expect(asked.completionTokens).toBe(3); // what the server generated
  });
});

describe('the space in the context', () => {
  const words = (count: number) => Array(count).fill('word').join(' ');

  test('is not asked for when the bytes of the prompt would fit as tokens', async () => {
    await using server = await aServer(100);
    const policy = await connect(server.url);
    await policy.complete({ ...REQUEST, maxTokens: 50 });
    expect(server.requests).toMatchObject([{ max_tokens: 50 }]);
    expect(server.tokenized).toBe(0);
  });

  test('limits the tokens that are requested, and the completions and the usage show it', async () => {
    await using server = await aServer(100);
    const policy = await connect(server.url);
    const asked = await policy.ask({ ...REQUEST, prompt: words(70), maxTokens: 8192 });
    expect(server.requests).toMatchObject([{ max_tokens: 30 }]);
    expect(asked).toMatchObject({ isCut: true, completions: [{ cutTo: 30 }, { cutTo: 30 }] });
    expect(policy.usage).toMatchObject({ requests: 1, cutToRoom: 1, withoutRoom: 0 });
    expect(policy.state?.()).toMatchObject({ cutToRoom: 1, withoutRoom: 0 });
  });

  test('is exact: what fits is not cut', async () => {
    await using server = await aServer(100);
    const policy = await connect(server.url);
    expect(await policy.ask({ ...REQUEST, prompt: words(70), maxTokens: 30 })).toMatchObject({ isCut: false });
    expect(server.tokenized).toBe(1);
  });

  test('is too small for a prompt, which is counted and not sent', async () => {
    await using server = await aServer(100);
    const policy = await connect(server.url);
    await expect(policy.ask({ ...REQUEST, prompt: words(100) })).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(/prompt has 100 tokens, .* holds 100/),
    });
    expect(server.requests).toEqual([]);
    expect(policy.usage).toMatchObject({ requests: 0, withoutRoom: 1 });
  });

  test('counts as exceeded when a server without a context length refuses the request', async () => {
    await using server = await aServer();
    const policy = await connect(server.url);
    server.beforeAnswer = () => ({ status: 400, body: '{"error":{"message":"too long"}}' });
    await expect(policy.complete(REQUEST)).rejects.toBeInstanceOf(PromptTooLong);
    expect(policy.usage).toMatchObject({ withoutRoom: 1 });
  });

  test('does not explain the refusal of a server with a known context length', async () => {
    await using server = await aServer(100);
    const policy = await connect(server.url);
    server.beforeAnswer = () => ({ status: 400, body: '{"error":{"message":"no such parameter"}}' });
    const refusal = await policy.complete(REQUEST).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ failure: 'InvalidInput' });
    expect(refusal).not.toBeInstanceOf(PromptTooLong);
  });
});

describe('a policy server', () => {
  test.each([413])('that answers %s is not asked again', async (status) => {
    await using server = await aServer();
    const policy = await connect(server.url);
    server.beforeAnswer = () => ({ status, body: '{"error":{"message":"body: expected at most 9 bytes"}}' });
    await expect(policy.complete(REQUEST)).rejects.toMatchObject({ failure: 'InvalidInput' });
    expect(server.requests).toHaveLength(1);
  });

  test('that keeps failing ends the request with DependencyDown', async () => {
    await using server = await aServer();
    const policy = await connect(server.url);
    server.beforeAnswer = () => ({ status: 500, body: '{"error":{"message":"out of paper"}}' });
    await expect(policy.complete(REQUEST)).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: expect.stringMatching(/does not answer: 500 out of paper/),
    });
  });

  test('that is gone ends the request with DependencyDown', async () => {
    const server = await aServer();
    const policy = await connect(server.url);
    await server[Symbol.asyncDispose]();
    await expect(policy.complete(REQUEST)).rejects.toMatchObject({ failure: 'DependencyDown' });
  });

  test('that never becomes healthy ends the connection with DependencyDown', async () => {
    const server = await aServer();
    await server[Symbol.asyncDispose]();
    await expect(connect(server.url, undefined, { readyMs: 300 })).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: expect.stringMatching(/is not healthy after 0.3 s: .*ECONNREFUSED/),
    });
  });

  test.each([
    { name: 'text', body: '<html>hello</html>' },
    { name: 'half a JSON', body: '{"choices": [' },
    { name: 'another JSON', body: '{"ok": true}' },
    {
      name: 'fewer completions than asked for',
      body: '{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0}}',
    },
    {
      name: 'a choice without log-probabilities',
      body: '{"choices":[{"index":0,"text":"a","finish_reason":"stop","logprobs":null}]}',
    },
  ])('that sends a malformed answer ends the request with DependencyDown: $name', async ({ body }) => {
    await using server = await aServer();
    const policy = await connect(server.url);
    server.beforeAnswer = () => ({ status: 200, body });
    await expect(policy.complete(REQUEST)).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: expect.stringMatching(/its answer is not a completion/),
    });
  });

  test('that refuses the request ends it with InvalidInput and its own message', async () => {
    await using server = await aServer();
    const policy = await connect(server.url);
    server.beforeAnswer = () => ({ status: 400, body: '{"error":{"message":"prompt of 300 tokens, context of 256"}}' });
    await expect(policy.complete(REQUEST)).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(/prompt of 300 tokens/),
    });
    expect(server.requests).toHaveLength(1);
  });
});

test('a request in flight is abandoned when the stage stops, with the reason of the stop', async () => {
  await using server = await aServer();
  const stop = new AbortController();
  const policy = await connect(server.url, stop.signal);
  server.beforeAnswer = () => {
    stop.abort(new Error('preempted'));
    return new Promise(() => {});
  };
  await expect(policy.complete(REQUEST)).rejects.toThrow('preempted');
});
