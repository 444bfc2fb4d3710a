import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { random, seedFor } from '../../stages/runtime/random.ts';

/** The part of a completion request that the fake reads. */
export interface FakeRequest {
  readonly prompt: string;
  readonly n: number;
  readonly seed: number;
  readonly temperature: number;
  readonly [name: string]: unknown;
}

/**
 * What to do instead of the normal answer: send an answer of the test; send nothing and keep the connection open; close
 * the connection; or break off in the middle of the answer.
 */
export type Instead =
  | { readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> }
  | 'hang'
  | 'hang up'
  | 'half';

/** Text of sample `index`; `chance` is uniform in [0, 1) and depends on the request and the index alone. */
export type Reply = (request: FakeRequest, index: number, chance: number) => string;

export interface FakePolicyServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: FakeRequest[];
  /** Prompts of `POST /tokenize` requests. */
  tokenized: number;
  /** Called before every answer. It may wait, and may return something to do instead. */
  beforeAnswer: (request: FakeRequest) => undefined | Instead | Promise<undefined | Instead>;
  /** The same for `GET /health`. */
  beforeHealth: () => undefined | Instead;
}

/**
 * A fake policy server without a model. Equal requests always get equal completions. It implements the part of the
 * protocol that `stages/policy/policy.ts` needs. A word is a token.
 * @param contextTokens - told as vLLM does, with `POST /tokenize` and vLLM's refusals; a server that tells nothing of
 *   it without
 */
export async function startFakePolicyServer(
  reply: Reply,
  { contextTokens }: { readonly contextTokens?: number } = {},
): Promise<FakePolicyServer> {
  const requests: FakeRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const answer = (body: unknown) => outgoing.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (incoming.url === '/health') {
      const instead = fake.beforeHealth();
      return instead === undefined ? outgoing.end('ok') : misbehave(outgoing, instead);
    }
    if (incoming.url === '/v1/models') {
      return answer({ object: 'list', data: [{ id: 'fake', object: 'model', max_model_len: contextTokens }] });
    }
    if (incoming.url === '/tokenize' && contextTokens !== undefined) {
      const { prompt } = JSON.parse(await bodyOf(incoming)) as FakeRequest;
      fake.tokenized += 1;
      return answer({ count: prompt.split(' ').length, max_model_len: contextTokens, tokens: [] });
    }
    if (incoming.url !== '/v1/completions') return outgoing.writeHead(404).end();
    const request = JSON.parse(await bodyOf(incoming)) as FakeRequest;
    requests.push(request);
    const instead = refusalOfVllm(request, contextTokens) ?? (await fake.beforeAnswer(request));
    if (instead !== undefined) return misbehave(outgoing, instead);
    const texts = Array.from({ length: request.n }, (_, index) =>
      reply(request, index, random(seedFor(request.prompt, request.seed, request.temperature, index))()),
    );
    answer({
      id: 'fake',
      object: 'text_completion',
      choices: texts.map((text, index) => ({
        index,
        text,
        finish_reason: 'stop',
        logprobs: { token_logprobs: text.split(' ').map(() => -0.5) },
      })),
      usage: { prompt_tokens: request.prompt.split(' ').length, completion_tokens: texts.join(' ').split(' ').length },
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fake: FakePolicyServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    tokenized: 0,
    beforeAnswer: async () => {
      await sleep(1);
      return undefined;
    },
    beforeHealth: () => undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return fake;
}

/** The refusal of vLLM 0.32, and of older versions when prompt and completion together exceed the context. */
function refusalOfVllm(request: FakeRequest, contextTokens = Number.POSITIVE_INFINITY): undefined | Instead {
  const refuse = (message: string) => ({ status: 400, body: JSON.stringify({ error: { message } }) });
  if (request.temperature < 1e-5 && request.n > 1) return refuse(`n must be 1 when using greedy sampling`);
  const asked = request.prompt.split(' ').length + Number(request.max_tokens);
  return asked > contextTokens ? refuse(`maximum context length is ${contextTokens}, requested ${asked}`) : undefined;
}

function misbehave(outgoing: ServerResponse, instead: Instead): void {
  if (instead === 'hang') return;
  if (instead === 'hang up') {
    outgoing.destroy();
    return;
  }
  outgoing.setHeader('content-type', 'application/json');
  if (instead === 'half') {
    outgoing.setHeader('content-length', 1000);
    outgoing.write('{"choices":[{"index":0,"text":"half of an', () => outgoing.destroy());
    return;
  }
  for (const [name, value] of Object.entries(instead.headers ?? {})) outgoing.setHeader(name, value);
  outgoing.statusCode = instead.status;
  outgoing.end(instead.body);
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of incoming) body += chunk;
  return body;
}
