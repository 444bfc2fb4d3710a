import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { StageExit } from '../runtime/exits.ts';
import { withSignals } from '../runtime/signals.ts';
import { readCompletions, readModel, readTokenCount, type Served } from './answer.ts';
import { createGate, type Gate } from './gate.ts';
import { ailmentOf, healthWatch } from './health.ts';
import { FIRST_LIMIT, type Limit, nextLimit } from './limit.ts';
import { loadOf } from './metrics.ts';
import { type Patience, Trouble } from './patience.ts';
import { exchange, HttpError } from './transport.ts';

/** Time between two looks at a server's load, and between two at one that is down. */
export const LOOK_MS = 1000;

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
  /** False from a request that failed until `GET /health` is well again. */
  readonly isUp: boolean;
  /** What it serves. @throws Trouble */
  model(): Promise<Served>;
  /** Tokens of a prompt, with what the tokenizer puts around it; null where the server does not tell. @throws Trouble */
  tokensOf(model: string, prompt: string): Promise<number | null>;
  /** One request, once. @throws Trouble for all that may go right another time; StageExit where it never will */
  ask(body: CompletionBody, logprobs: boolean): Promise<ReturnType<typeof readCompletions>>;
  /** Takes it for down, sends away what waits for it, and looks until it is well again. */
  setDown(why: string): void;
}

interface Given {
  readonly url: string;
  readonly patience: Pick<Patience, 'requestMs' | 'silenceMs'>;
  readonly lookMs: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export function createEndpoint({ url, patience, lookMs, signal, log }: Given): Endpoint {
  const health = healthWatch(url, patience.silenceMs);
  let limit: Limit = FIRST_LIMIT;
  const gate = createGate(limit.sequences, signal);
  let isUp = true;
  let looking = false;
  let seen = nothingSeen();

  const request = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    health.during((hung) => within(patience.requestMs, url, [signal, hung], work));

  /** Moves the limit for as long as anything is asked; ends by itself. */
  async function follow(): Promise<void> {
    if (looking) return;
    looking = true;
    while (gate.inFlight > 0) {
      await sleep(lookMs, undefined, { signal, ref: false });
      const load = await loadOf(url, lookMs, signal);
      const { tokens, busyMs, ended, overloaded, wanted, since } = seen;
      seen = nothingSeen();
      const latencyMs = tokens === 0 ? null : busyMs / tokens;
      const next = nextLimit(limit, {
        ...{ running: load?.running ?? null, waiting: load?.waiting ?? null, inFlight: gate.inFlight },
        ...{ latencyMs, overloaded },
        endedPerSecond: (1000 * ended) / (performance.now() - since),
        wanted: wanted || gate.waiting > 0,
      });
      if (next.sequences !== limit.sequences) log.debug({ url, ...load, limit: next.sequences }, 'limit moves');
      limit = next;
      gate.setLimit(limit.sequences);
    }
    looking = false;
  }
  async function revive(): Promise<void> {
    for (;;) {
      await sleep(lookMs, undefined, { signal, ref: false });
      if ((await ailmentOf(url, 5 * lookMs, signal)) === null) break;
    }
    isUp = true;
    log.warn({ url }, 'a policy server is well again');
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
      follow().catch(() => {}); // ends by the signal alone
      seen.wanted ||= gate.waiting > 0;
      const began = performance.now();
      try {
        const answer = await request(async (own) =>
          readCompletions(await exchange(url, '/v1/completions', body, own), body.n, logprobs),
        );
        // Sequences of one request are decoded side by side: its time over the tokens of one of them.
        seen.busyMs += (performance.now() - began) * body.n;
        seen.tokens += answer.completionTokens;
        seen.ended += body.n;
        return answer;
      } catch (error) {
        seen.overloaded ||= isOverload(error);
        throw error;
      }
    },
    setDown(why) {
      if (!isUp) return;
      isUp = false;
      log.warn({ url, why }, 'a policy server is down; its requests go to the others');
      gate.sendAway();
      revive().catch(() => {}); // ends by the signal alone
    },
  };
}

const nothingSeen = () => ({
  since: performance.now(),
  tokens: 0,
  ended: 0,
  busyMs: 0,
  overloaded: false,
  wanted: false,
});

/** Whether a server said that it has too much to do, and when to come back: that is no sign of being down. */
export const isOverload = (error: unknown): boolean =>
  error instanceof Trouble &&
  error.cause instanceof HttpError &&
  (error.cause.status === 429 || (error.cause.status === 503 && error.waitMs !== null));

/** Whether a server has no such endpoint. */
const isMissing = (error: unknown): boolean =>
  error instanceof Trouble && error.cause instanceof HttpError && [404, 405, 501].includes(error.cause.status);

/** Does a request until one of `signals` aborts, or it has taken too long: that ends it for good, since it would take as long again. */
async function within<T>(
  requestMs: number,
  url: string,
  signals: readonly AbortSignal[],
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return await withSignals(signals, async (own) => {
    const timer = setTimeout(() => {
      const limit = `${Math.round(requestMs) / 1000} s, nine tenths of run.stallTimeoutSeconds`;
      const words = `the policy server at ${url} is up, but has not answered a request within ${limit}; raise it if answers may take as long`;
      own.abort(new StageExit('DependencyDown', words));
    }, requestMs);
    try {
      return await request(own.signal);
    } finally {
      clearTimeout(timer);
    }
  });
}
