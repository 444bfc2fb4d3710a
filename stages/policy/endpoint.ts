import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { StageExit } from '../runtime/exits.ts';
import { withSignals } from '../runtime/signals.ts';
import { readCompletions, readModel, readTokenCount, type ServedModel } from './answer.ts';
import { FIRST_LIMIT, type Limit, nextLimit } from './concurrency-limit.ts';
import { createGate, type Gate } from './gate.ts';
import { healthProblem, healthWatch } from './health.ts';
import { fetchLoad } from './metrics.ts';
import { type Timeouts, TransientError } from './retry.ts';
import { exchange, HttpError } from './transport.ts';

/** Time between two polls of a server: of its load, or of its health while it is down. */
export const POLL_MS = 1000;

/** Body of `POST /v1/completions`, as OpenAI and vLLM have it. */
export interface CompletionBody {
  readonly model: string;
  readonly prompt: string;
  readonly n: number;
  readonly [name: string]: unknown;
}

/** One policy server. */
export interface Endpoint {
  readonly url: string;
  readonly gate: Gate;
  /** Becomes false when a request fails, and true when `GET /health` succeeds again. */
  readonly isUp: boolean;
  /** The model that it serves. @throws TransientError */
  model(): Promise<ServedModel>;
  /**
   * Tokens of a prompt, including those that the tokenizer adds; null when the server does not say.
   * @throws TransientError
   */
  tokensOf(model: string, prompt: string): Promise<number | null>;
  /** Sends one request once. @throws TransientError when a retry may succeed; StageExit when it cannot */
  ask(body: CompletionBody, logprobs: boolean): Promise<ReturnType<typeof readCompletions>>;
  /** Marks it as down, evicts the requests that wait for it, and polls its health until it is back. */
  markDown(why: string): void;
}

interface EndpointOptions {
  readonly url: string;
  readonly timeouts: Pick<Timeouts, 'requestMs' | 'silenceMs'>;
  readonly pollMs: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export function createEndpoint({ url, timeouts, pollMs, signal, log }: EndpointOptions): Endpoint {
  const health = healthWatch(url, timeouts.silenceMs);
  let limit: Limit = FIRST_LIMIT;
  const gate = createGate(limit.sequences, signal);
  let isUp = true;
  let adjusting = false;
  let interval = emptyInterval();

  const request = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    health.during((hung) => within(timeouts.requestMs, url, [signal, hung], work));

  /** Adjusts the limit once per poll. Ends by itself when no request is in flight. */
  async function adjustLimit(): Promise<void> {
    if (adjusting) return;
    adjusting = true;
    while (gate.inFlight > 0) {
      await sleep(pollMs, undefined, { signal, ref: false });
      const load = await fetchLoad(url, pollMs, signal);
      const { tokens, busyMs, ended, overloaded, wanted, since } = interval;
      interval = emptyInterval();
      const latencyMs = tokens === 0 ? null : busyMs / tokens;
      const next = nextLimit(limit, {
        running: load?.running ?? null,
        waiting: load?.waiting ?? null,
        inFlight: gate.inFlight,
        latencyMs,
        overloaded,
        endedPerSecond: (1000 * ended) / (performance.now() - since),
        wanted: wanted || gate.waiting > 0,
      });
      if (next.sequences !== limit.sequences) log.debug({ url, ...load, limit: next.sequences }, 'limit changed');
      limit = next;
      gate.setLimit(limit.sequences);
    }
    adjusting = false;
  }
  async function pollUntilHealthy(): Promise<void> {
    for (;;) {
      await sleep(pollMs, undefined, { signal, ref: false });
      if ((await healthProblem(url, 5 * pollMs, signal)) === null) break;
    }
    isUp = true;
    log.warn({ url }, 'policy server is healthy again');
  }
  return {
    url,
    gate,
    get isUp() {
      return isUp;
    },
    model: () => request(async (own) => readModel(await exchange(url, '/v1/models', null, own))),
    async tokensOf(model, prompt) {
      try {
        return readTokenCount(await request((own) => exchange(url, '/tokenize', { model, prompt }, own)));
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async ask(body, logprobs) {
      adjustLimit().catch(() => {}); // rejects only when the signal aborts
      interval.wanted ||= gate.waiting > 0;
      const began = performance.now();
      try {
        const answer = await request(async (own) =>
          readCompletions(await exchange(url, '/v1/completions', body, own), body.n, logprobs),
        );
        // The sequences of one request are decoded in parallel, so each of them took the whole time.
        interval.busyMs += (performance.now() - began) * body.n;
        interval.tokens += answer.completionTokens;
        interval.ended += body.n;
        return answer;
      } catch (error) {
        interval.overloaded ||= isOverload(error);
        throw error;
      }
    },
    markDown(why) {
      if (!isUp) return;
      isUp = false;
      log.warn({ url, why }, 'policy server is down; its requests go to the others');
      gate.evict();
      pollUntilHealthy().catch(() => {}); // rejects only when the signal aborts
    },
  };
}

const emptyInterval = () => ({
  since: performance.now(),
  tokens: 0,
  ended: 0,
  busyMs: 0,
  overloaded: false,
  wanted: false,
});

/** Whether the server said that it is overloaded, and when to come back. An overloaded server is not down. */
export const isOverload = (error: unknown): boolean =>
  error instanceof TransientError &&
  error.cause instanceof HttpError &&
  (error.cause.status === 429 || (error.cause.status === 503 && error.waitMs !== null));

/** Whether the server does not have the endpoint. */
const isMissing = (error: unknown): boolean =>
  error instanceof TransientError && error.cause instanceof HttpError && [404, 405, 501].includes(error.cause.status);

/**
 * Runs a request until one of `signals` aborts or the request takes too long. Too long is final, because a retry would
 * take as long again.
 */
async function within<T>(
  requestMs: number,
  url: string,
  signals: readonly AbortSignal[],
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await withSignals(signals, async (own) => {
    const timer = setTimeout(() => {
      const limit = `${Math.round(requestMs) / 1000} s, nine tenths of run.stallTimeoutSeconds`;
      const message = `the policy server at ${url} is up, but has not answered a request within ${limit}; raise it if answers may take as long`;
      own.abort(new StageExit('DependencyDown', message));
    }, requestMs);
    try {
      return await request(own.signal);
    } finally {
      clearTimeout(timer);
    }
  });
}
