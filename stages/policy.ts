import { setTimeout as sleep } from 'node:timers/promises';
import { POD_ENV, type StageKind } from '../spec/index.ts';
import type { StageContext } from './context.ts';
import { StageExit } from './exits.ts';
import { type Patience, patienceOf, Trouble, withPatience } from './patience.ts';
import type { Completion } from './policy-answer.ts';
import { type CompletionBody, createEndpoint, type Endpoint, isOverload, LOOK_MS } from './policy-endpoint.ts';
import { ailmentOf } from './policy-health.ts';
import { createRouter } from './policy-router.ts';

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
  /** Whether log-probabilities are wanted; they are, when left out. They make most of an answer's bytes. */
  readonly logprobs?: boolean;
  /** Requests of equal affinity share the beginning of their prompts: they go to the same server while it is well. */
  readonly affinity?: string;
}

/** Completions with what they took. */
export interface Asked {
  /** In the order of the server. */
  readonly completions: readonly Completion[];
  /** Of the prompt, once for all completions. */
  readonly promptTokens: number;
  readonly completionTokens: number;
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
  /** Base URL without `/v1`, or several with commas or spaces between them; the pod contract's when left out. */
  readonly url?: string | undefined;
  /** Time between two looks at the load of a server. */
  readonly lookMs?: number;
  /** How long to bear with the server, where it is to differ from what the stage's stall limit gives. */
  readonly patience?: Partial<Patience>;
}

/** A policy that many may ask at once, each told of its own cost. */
export interface PolicyDriver extends Policy {
  /** As {@link Policy.complete}, with the tokens that it took. */
  ask(request: CompletionRequest): Promise<Asked>;
  /** What the driver is at, in numbers, for progress. */
  state?(): Readonly<Record<string, number>>;
}

type Context = Pick<StageContext<StageKind>, 'signal' | 'log' | 'stage'>;

/**
 * Connects to the policy servers of the pod: waits until one is healthy and asks for the name of its model. Each server is kept as full as it
 * likes to be (`policy-limit.ts`); with several, requests of equal affinity go to the same one while it is well, and elsewhere when it is not.
 * @throws StageExit `DependencyDown` when none becomes ready
 * @throws StageExit `InvalidInput` when two serve different models
 */
export async function connectPolicy(
  { signal, log, stage }: Context,
  options: PolicyOptions = {},
): Promise<PolicyDriver> {
  const patience = { ...patienceOf(stage.config.run.stallTimeoutSeconds), ...options.patience };
  const lookMs = options.lookMs ?? LOOK_MS;
  const endpoints = urlsOf(options.url ?? process.env[POD_ENV.policyUrl]).map((url) =>
    createEndpoint({ url, patience, lookMs, signal, log }),
  );
  await waitUntilHealthy(endpoints, patience.readyMs, signal);
  const router = createRouter(endpoints);

  /** One request to whichever server it goes to, asked again while it fails. */
  async function ask<T>(
    sequences: number,
    affinity: string | undefined,
    request: (of: Endpoint) => Promise<T>,
  ): Promise<T> {
    let url = '';
    async function tryOnce(): Promise<T> {
      for (;;) {
        const endpoint = router.pick(affinity);
        url = endpoint.url;
        const leave = await endpoint.gate.enter(sequences);
        if (leave === null) continue; // it went down while this one waited
        try {
          return await request(endpoint);
        } catch (error) {
          if (error instanceof Trouble && !isOverload(error) && endpoints.length > 1) endpoint.setDown(error.message);
          throw error;
        } finally {
          leave();
        }
      }
    }
    try {
      return await withPatience(tryOnce, { failingMs: patience.failingMs, signal, log });
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      const others = endpoints.length > 1 ? `, nor are the others (${endpoints.length} in all)` : '';
      throw new StageExit('DependencyDown', `the policy server at ${url} is of no use${others}: ${error.message}`, {
        cause: error,
      });
    }
  }
  const model = await oneModel(endpoints, (endpoint) => ask(1, endpoint.url, () => endpoint.model()));
  log.info({ urls: endpoints.map(({ url }) => url), model }, 'policy server is ready');

  const usage = { promptTokens: 0, completionTokens: 0, requests: 0 };
  async function askPolicy(request: CompletionRequest): Promise<Asked> {
    const body = bodyOf(request, model);
    const asked = await ask(request.n, request.affinity, (of) => of.ask(body, request.logprobs ?? true));
    usage.requests += 1;
    usage.promptTokens += asked.promptTokens;
    usage.completionTokens += asked.completionTokens;
    return asked;
  }
  return {
    usage,
    ask: askPolicy,
    complete: async (request) => [...(await askPolicy(request)).completions],
    state: () => router.state(),
  };
}

function urlsOf(given: string | undefined): string[] {
  const urls = (given ?? '').split(/[\s,]+/).flatMap((url) => (url === '' ? [] : [url.replace(/\/+$/, '')]));
  if (urls.length > 0) return [...new Set(urls)];
  throw new StageExit('InvalidInput', `${POD_ENV.policyUrl}: expected the URL of a policy server, but got nothing`);
}

/** Name of the model that all servers which are up serve: a tree of two policies would be of neither. */
async function oneModel(
  endpoints: readonly Endpoint[],
  modelOf: (endpoint: Endpoint) => Promise<string>,
): Promise<string> {
  const models = await Promise.all(
    endpoints
      .filter(({ isUp }) => isUp)
      .map(async (endpoint) => ({ url: endpoint.url, model: await modelOf(endpoint) })),
  );
  const [first] = models;
  const other = models.find(({ model }) => model !== first!.model);
  if (other === undefined) return first!.model;
  throw new StageExit(
    'InvalidInput',
    `${POD_ENV.policyUrl}: expected servers of one model, but ${first!.url} serves ${first!.model} and ${other.url} ${other.model}`,
  );
}

function bodyOf(request: CompletionRequest, model: string): CompletionBody {
  const { prompt, n, maxTokens, temperature, topP, stop, seed, logprobs = true } = request;
  const vllm = { include_stop_str_in_output: true };
  return {
    ...{ model, prompt, n, seed, temperature, max_tokens: maxTokens, top_p: topP, ...vllm },
    ...(logprobs ? { logprobs: 0 } : {}), // of the tokens that were drawn, and of no others
    ...(stop !== undefined && stop.length > 0 ? { stop: [...stop] } : {}),
  };
}

/** Resolves when one server is well; those that are not by then are down until they are. */
async function waitUntilHealthy(endpoints: readonly Endpoint[], withinMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const looks = await Promise.all(
      endpoints.map(async (endpoint) => ({
        endpoint,
        ailment: await ailmentOf(endpoint.url, Math.min(5000, withinMs), signal),
      })),
    );
    if (looks.some(({ ailment }) => ailment === null)) {
      for (const { endpoint, ailment } of looks) if (ailment !== null) endpoint.setDown(ailment);
      return;
    }
    if (performance.now() >= deadline) {
      const words = looks.map(
        ({ endpoint: { url }, ailment }) =>
          `the policy server at ${url} is not healthy after ${withinMs / 1000} s: ${ailment}`,
      );
      throw new StageExit('DependencyDown', words.join('; '));
    }
    await sleep(Math.min(500, withinMs / 10), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
