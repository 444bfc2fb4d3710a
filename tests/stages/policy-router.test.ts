import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { connectPolicy } from '../../stages/policy/policy.ts';
import { createRouter } from '../../stages/policy/router.ts';
import { type FakePolicyServer, startFakePolicyServer } from '../support/fake-policy-server.ts';
import { aStageContext } from '../support/stage-context.ts';

/** Several policy servers: fakes over real HTTP, because a real server cannot be made to fail at a given moment. */
const request = (problem: string) => ({
  prompt: `Solve: ${problem} =`,
  n: 2,
  maxTokens: 8,
  temperature: 1,
  topP: 0.9,
  seed: 5,
  affinity: problem,
});
async function connect(...urls: string[]) {
  const context = await aStageContext({ kind: 'curriculum' }, '/nowhere');
  const said: { msg: string; url?: string }[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void said.push(JSON.parse(line)) });
  return { policy: await connectPolicy({ ...context, log }, { url: urls.join(', '), pollMs: 100 }), said };
}
const problems = Array.from({ length: 12 }, (_, index) => `problem ${index}`);
const promptsOf = (server: FakePolicyServer) => server.requests.map(({ prompt }) => prompt);

describe('several policy servers', () => {
  test('share the problems, and each problem stays with one server', async () => {
    await using a = await startFakePolicyServer(() => 'Answer: 2');
    await using b = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect(a.url, b.url);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(problems.map((problem) => policy.complete(request(problem))));
    }
    expect(new Set([...promptsOf(a), ...promptsOf(b)]).size).toBe(problems.length);
    expect(promptsOf(a).filter((prompt) => promptsOf(b).includes(prompt))).toEqual([]);
    expect(a.requests.length).toBe(b.requests.length);
  });

  test('take over from one that fails, until it is healthy again', async () => {
    await using a = await startFakePolicyServer(() => 'Answer: 2');
    await using b = await startFakePolicyServer(() => 'Answer: 2');
    const { policy, said } = await connect(a.url, b.url);
    a.beforeAnswer = () => ({ status: 503, body: 'the engine died' });
    a.beforeHealth = () => ({ status: 503, body: 'the engine died' });
    await Promise.all(problems.map((problem) => policy.complete(request(problem))));
    expect(policy.usage.requests).toBe(problems.length);
    expect(policy.state?.()).toMatchObject({ serversUp: 1, sequencesInFlight: 0, sequencesWaiting: 0 });
    a.beforeAnswer = () => undefined;
    a.beforeHealth = () => undefined;
    await expect.poll(() => policy.state?.().serversUp).toBe(2);
    const before = a.requests.length;
    await Promise.all(['new 1', 'new 2'].map((problem) => policy.complete(request(problem))));
    expect(a.requests.length).toBe(before + 1);
    const logged = said.filter(({ url }) => url === a.url).map(({ msg }) => msg);
    expect(logged).toEqual(['policy server is down; its requests go to the others', 'policy server is healthy again']);
  });

  test('are used as soon as one of them is healthy', async () => {
    await using b = await startFakePolicyServer(() => 'Answer: 2');
    const { policy } = await connect('http://127.0.0.1:9', b.url);
    expect(await policy.complete(request('one'))).toHaveLength(2);
  });
});

describe('the router', () => {
  const server = (name: string, inFlight = 0, limit = 10, waiting = 0, isUp = true) => ({
    name,
    isUp,
    gate: { inFlight, limit, waiting },
  });

  test('gives a new problem to the server with the lowest load relative to its limit', () => {
    const router = createRouter([server('small', 6, 10), server('large', 50, 100)]);
    expect(router.pick('p').name).toBe('large');
  });

  test('moves a problem only when it would wait and another server has capacity', () => {
    const [a, b] = [server('a'), server('b', 1)];
    const router = createRouter([a, b]);
    expect(router.pick('p').name).toBe('a');
    a.gate.inFlight = 9;
    expect(router.pick('p').name).toBe('a');
    a.gate.waiting = 4;
    expect(router.pick('p').name).toBe('b');
    b.gate.waiting = 4;
    a.gate.waiting = 9;
    expect(router.pick('p').name).toBe('b');
  });

  test('uses servers that are down when none is up', () => {
    expect(createRouter([server('a', 0, 10, 0, false)]).pick('p').name).toBe('a');
  });
});
