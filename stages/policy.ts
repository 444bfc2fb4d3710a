import { setTimeout as sleep } from 'node:timers/promises';
import type { CompletionCreateParamsNonStreaming } from 'openai/resources/completions';
import { POD_ENV, type StageKind } from '../spec/index.ts';
import type { StageContext } from './context.ts';
import { StageExit } from './exits.ts';
import { type Patience, patienceOf, Trouble, withPatience } from './patience.ts';
import { type Completion, readCompletions, readModel } from './policy-answer.ts';
import { ailmentOf, healthWatch } from './policy-health.ts';
import { clientOf, orTrouble } from './policy-transport.ts';
import { withSignals } from './signals.ts';

export type { Completion } from './policy-answer.ts';

export interface CompletionRequest {
  readonly prompt: string;
  /** Continuations wanted. */
  readonly n: number;
  readonly maxTokens: number;
  /** 0 is greedy; then all n are equal. */
  readonly temperature: number;
  readonly topP: number;
  readonly stop?: readonly string[];
  /** An equal request of an equal seed has equal answers, as far as the server keeps that. */
  readonly seed: number;
}

/** The language model behind its policy server: anything that speaks OpenAI's completions with vLLM's `include_stop_str_in_output`. */
export interface Policy {
  /**
   * @returns `n` completions in the order of the server
   * @throws StageExit `DependencyDown` when the server cannot be reached, fails, hangs, or answers what is not an answer, and goes on so
   * @throws StageExit `InvalidInput` when the server refuses the request as such (a prompt longer than its context)
   */
  complete(request: CompletionRequest): Promise<Completion[]>;
  /** What was asked of the server by this process. Tokens of a prompt count once for its n completions. */
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number; readonly requests: number };
}

export interface PolicyOptions {
  /** Base URL without `/v1`; the pod contract's when left out. */
  readonly url?: string | undefined;
  /** How long to bear with the server, where it is to differ from what the stage's stall limit gives. */
  readonly patience?: Partial<Patience>;
}

type Context = Pick<StageContext<StageKind>, 'signal' | 'log' | 'stage'>;

/**
 * Connects to the policy server of the pod: waits until it is healthy and asks for the name of its model.
 * @throws StageExit `DependencyDown` when it does not become ready
 */
export async function connectPolicy({ signal, log, stage }: Context, options: PolicyOptions = {}): Promise<Policy> {
  const url = urlOf(options.url ?? process.env[POD_ENV.policyUrl]);
  const patience = { ...patienceOf(stage.config.run.stallTimeoutSeconds), ...options.patience };
  await waitUntilHealthy(url, patience.readyMs, signal);

  const client = clientOf(url);
  const health = healthWatch(url, patience.silenceMs);
  /** One request, asked again while it fails. */
  async function ask<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const tryOnce = () => health.during((hung) => within(patience.requestMs, url, [signal, hung], request));
    try {
      return await withPatience(tryOnce, { failingMs: patience.failingMs, signal, log });
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      throw new StageExit('DependencyDown', `the policy server at ${url} is of no use: ${error.message}`, {
        cause: error,
      });
    }
  }
  const model = await ask(async (signal) => readModel(await client.get('/models', { signal })));
  log.info({ url, model }, 'policy server is ready');

  const usage = { promptTokens: 0, completionTokens: 0, requests: 0 };
  return {
    usage,
    async complete(request) {
      const body = bodyOf(request, model);
      const { completions, promptTokens, completionTokens } = await ask(async (signal) =>
        readCompletions(await client.completions.create(body, { signal }), request.n),
      );
      usage.requests += 1;
      usage.promptTokens += promptTokens;
      usage.completionTokens += completionTokens;
      return completions;
    },
  };
}

function urlOf(given: string | undefined): string {
  if (given) return given.replace(/\/+$/, '');
  throw new StageExit('InvalidInput', `${POD_ENV.policyUrl}: expected the URL of a policy server, but got nothing`);
}

function bodyOf(request: CompletionRequest, model: string): CompletionCreateParamsNonStreaming {
  const { prompt, n, maxTokens, temperature, topP, stop, seed } = request;
  const vllm = { include_stop_str_in_output: true };
  return {
    ...{ model, prompt, n, seed, temperature, max_tokens: maxTokens, top_p: topP, logprobs: 1, ...vllm },
    ...(stop !== undefined && stop.length > 0 ? { stop: [...stop] } : {}),
  };
}

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
      return await orTrouble(() => request(own.signal), own.signal, url);
    } finally {
      clearTimeout(timer);
    }
  });
}

async function waitUntilHealthy(url: string, withinMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const ailment = await ailmentOf(url, Math.min(5000, withinMs), signal);
    if (ailment === null) return;
    if (performance.now() >= deadline) {
      const words = `the policy server at ${url} is not healthy after ${withinMs / 1000} s: ${ailment}`;
      throw new StageExit('DependencyDown', words);
    }
    await sleep(Math.min(500, withinMs / 10), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
