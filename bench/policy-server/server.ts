import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEngine, SPEED, type Speed, type Work } from './engine.ts';
import { createPrefixCache } from './prefix-cache.ts';
import { type Sampled, sample, tokensIn } from './text-model.ts';

export interface BenchServerOptions {
  readonly port?: number;
  /** Simulated milliseconds per real millisecond. */
  readonly haste?: number;
  readonly speed?: Partial<Speed>;
  /** Capacity of the prefix cache in blocks. */
  readonly cacheBlocks?: number;
}

interface CompletionBody {
  readonly prompt: string;
  readonly n?: number;
  readonly seed?: number;
  readonly stop?: readonly string[] | string;
  readonly logprobs?: number | null;
  readonly max_tokens?: number;
}

/**
 * A policy server without a model: the completions API of vLLM, with text from rules (text-model.ts) and the speed of a
 * simulated GPU (engine.ts). `GET /totals` returns its counts, which benchmarks compare with those of the clients.
 */
export async function startBenchServer({ port = 0, haste = 1, speed = {}, cacheBlocks = 65_536 }: BenchServerOptions) {
  const engine = createEngine({ ...SPEED, ...speed });
  const cache = createPrefixCache(cacheBlocks);
  const began = performance.now();
  const now = () => (performance.now() - began) * haste;
  const totals = { requests: 0, answered: 0, promptTokens: 0, cachedTokens: 0, answeredTokens: 0, broken: 0 };
  let timer: NodeJS.Timeout | undefined;

  function tick(): void {
    clearTimeout(timer);
    engine.advance(now());
    const next = engine.nextIn();
    timer = next === null ? undefined : setTimeout(tick, Math.max(1, next / haste));
  }
  async function complete(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = JSON.parse(await bodyOf(incoming)) as CompletionBody;
    const { prompt, n = 1, seed = 0, logprobs = null, max_tokens: most = 16 } = body;
    const oneStep = (body.stop ?? []).includes('\n\n');
    const sampled = sample(prompt, n, seed, oneStep);
    const promptTokens = tokensIn(prompt);
    const cached = Math.round(promptTokens * cache.read(prompt));
    totals.requests += 1;
    totals.promptTokens += promptTokens;
    totals.cachedTokens += cached;
    const ended = new Set<Work>();
    const works = sampled.map(
      ({ logprobs: tokens }, index): Work => ({
        tokens: Math.min(most, tokens.length),
        prefillTokens: index === 0 ? promptTokens - cached : 0,
        done() {
          ended.add(this);
          if (ended.size < n) return;
          const text = answerOf(sampled, most, logprobs !== null, promptTokens);
          totals.answered += 1;
          totals.answeredTokens += works.reduce((sum, { tokens: each }) => sum + each, 0);
          outgoing.writeHead(200, { 'content-type': 'application/json' }).end(text);
        },
      }),
    );
    let isGone = false;
    const gone = () => {
      if (outgoing.writableEnded || isGone) return;
      isGone = true;
      totals.broken += 1;
      engine.cancel(
        now(),
        works.filter((work) => !ended.has(work)),
      );
    };
    // A killed client ends its half of the connection. Answers to it are lost.
    incoming.socket.once('end', gone);
    outgoing.once('close', () => {
      incoming.socket.off('end', gone);
      gone();
    });
    engine.submit(now(), works);
    tick();
  }
  const server = createServer((incoming, outgoing) => {
    const json = (value: unknown) => outgoing.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    switch (incoming.url) {
      case '/v1/completions':
        complete(incoming, outgoing).catch((error: Error) => outgoing.writeHead(400).end(error.message));
        return;
      case '/v1/models':
        json({ object: 'list', data: [{ id: 'bench', object: 'model' }] });
        return;
      case '/metrics':
        outgoing.end(exposition(engine.load(), { ...totals, generated: engine.totals().generated }));
        return;
      case '/totals':
        engine.advance(now());
        json({ ...totals, ...engine.totals(), haste, cpuMs: cpuMs() });
        return;
      default:
        outgoing.end('');
    }
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      clearTimeout(timer);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answer of `GET /totals`. Times are simulated. */
export interface Totals {
  readonly requests: number;
  readonly answered: number;
  /** Requests whose client disconnected before the answer. */
  readonly broken: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly answeredTokens: number;
  /** Tokens of sequences that were decoded to their end, with or without an answer. */
  readonly generated: number;
  /** Tokens of unfinished sequences whose client disconnected. */
  readonly aborted: number;
  /**
   * Σ over time of the sequences that run; time with all slots in use; time from the first request to the end of the
   * last sequence.
   */
  readonly slotMs: number;
  readonly fullMs: number;
  readonly spanMs: number;
  /**
   * From the first moment with all slots in use to the last: when it began, how long it was, and its Σ of the sequences
   * that ran.
   */
  readonly steadyFromMs: number;
  readonly steadyMs: number;
  readonly steadySlotMs: number;
  /** CPU time of the server. */
  readonly cpuMs: number;
  readonly haste: number;
}

function answerOf(sampled: readonly Sampled[], most: number, logprobs: boolean, promptTokens: number): string {
  const choices = sampled.map(({ text, logprobs: tokens }, index) => {
    const cut = tokens.length > most;
    return {
      index,
      text: cut
        ? text
            .split(/(?<=\s)(?=\S)/)
            .slice(0, most)
            .join('')
        : text,
      finish_reason: cut ? 'length' : 'stop',
      logprobs: logprobs ? { tokens: text.split(/(?<=\s)(?=\S)/), token_logprobs: tokens.slice(0, most) } : null,
    };
  });
  const completionTokens = sampled.reduce((sum, { logprobs: tokens }) => sum + Math.min(most, tokens.length), 0);
  const usage = { prompt_tokens: promptTokens, completion_tokens: completionTokens };
  return JSON.stringify({ id: 'bench', object: 'text_completion', model: 'bench', choices, usage });
}

function exposition(
  { running, waiting }: { running: number; waiting: number },
  { promptTokens, generated }: { promptTokens: number; generated: number },
): string {
  return [
    `vllm:num_requests_running{model_name="bench"} ${running}`,
    `vllm:num_requests_waiting{model_name="bench"} ${waiting}`,
    `vllm:prompt_tokens_total{model_name="bench"} ${promptTokens}`,
    `vllm:generation_tokens_total{model_name="bench"} ${generated}`,
    '',
  ].join('\n');
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
