import { setTimeout as sleep } from 'node:timers/promises';
import { POD_ENV } from '../../spec/pod-env.ts';
import type { StageKind } from '../../spec/stages/kinds.ts';
import type { StageContext } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';
import type { Completion, ServedModel } from './answer.ts';
import { certainlyFits, PromptTooLong, tokensLeft } from './context-window.ts';
import { type CompletionBody, createEndpoint, type Endpoint, isOverload, POLL_MS } from './endpoint.ts';
import { healthProblem } from './health.ts';
import { type Timeouts, TransientError, timeoutsOf, withRetries } from './retry.ts';
import { createRouter } from './router.ts';

export type { Completion } from './answer.ts';

export interface CompletionRequest {
  readonly prompt: string;
  /** Number of continuations. */
  readonly n: number;
  readonly maxTokens: number;
  /** 0 is greedy. Then all n completions are equal, and the server is asked for one. */
  readonly temperature: number;
  readonly topP: number;
  readonly stop?: readonly string[];
  /** Equal requests with equal seeds get equal answers, as far as the server guarantees that. */
  readonly seed: number;
  /** Whether to return log-probabilities; true by default. They are most of an answer's bytes. */
  readonly logprobs?: boolean;
  /**
   * Requests with the same affinity share the beginning of their prompts. They go to the same server while it is
   * healthy.
   */
  readonly affinity?: string;
}

/** The completions of one request, with their cost. */
export interface CompletionBatch {
  /** In the order of the server. */
  readonly completions: readonly Completion[];
  /** Tokens of the prompt. It counts once for all completions. */
  readonly promptTokens: number;
  /** Tokens that the server generated. For n equal completions at temperature 0, those of one. */
  readonly completionTokens: number;
  /** Whether fewer tokens were requested than wanted, because the context had no space for more. */
  readonly isCut: boolean;
}

/**
 * The language model behind its policy server: any server with OpenAI's completions API and vLLM's
 * `include_stop_str_in_output`.
 */
export interface Policy {
  /**
   * @returns `n` completions in the order of the server
   * @throws StageExit `DependencyDown` when the server stays unreachable, failing or hanging, or keeps sending
   *   malformed answers
   * @throws PromptTooLong when the prompt leaves no space in the context; then it is not sent
   * @throws StageExit `InvalidInput` when the server refuses the request
   */
  complete(request: CompletionRequest): Promise<Completion[]>;
  /** What this process asked of the server. The tokens of a prompt count once for its n completions. */
  readonly usage: {
    readonly promptTokens: number;
    readonly completionTokens: number;
    readonly requests: number;
    /**
     * Requests that asked for fewer tokens than wanted, and prompts that were not sent, because the context had no
     * space.
     */
    readonly cutToRoom: number;
    readonly withoutRoom: number;
  };
}

export interface PolicyOptions {
  /** Base URL without `/v1`, or several separated by commas or spaces. By default that of the pod contract. */
  readonly url?: string | undefined;
  /** Time between two polls of a server. */
  readonly pollMs?: number;
  /** Limits that differ from those that follow from the stage's stall limit. */
  readonly timeouts?: Partial<Timeouts>;
}

/** A policy that returns the cost of every request. */
export interface PolicyDriver extends Policy {
  /** Like {@link Policy.complete}, and also returns the tokens that it took. */
  ask(request: CompletionRequest): Promise<CompletionBatch>;
  /** The state of the driver in numbers, for progress. */
  state?(): Readonly<Record<string, number>>;
}

type Context = Pick<StageContext<StageKind>, 'signal' | 'log' | 'stage'>;

/**
 * Connects to the policy servers of the pod. Waits until one is healthy, and asks for the name of its model. Each
 * server is kept busy up to its own limit (`concurrency-limit.ts`). With several servers, requests of one affinity go
 * to the same server while it is healthy.
 * @throws StageExit `DependencyDown` when no server becomes ready
 * @throws StageExit `InvalidInput` when two servers serve different models
 */
export async function connectPolicy(
  { signal, log, stage }: Context,
  options: PolicyOptions = {},
): Promise<PolicyDriver> {
  const timeouts = { ...timeoutsOf(stage.config.run.stallTimeoutSeconds), ...options.timeouts };
  const pollMs = options.pollMs ?? POLL_MS;
  const endpoints = urlsOf(options.url ?? process.env[POD_ENV.policyUrl]).map((url) =>
    createEndpoint({ url, timeouts, pollMs, signal, log }),
  );
  await waitUntilHealthy(endpoints, timeouts.readyMs, signal);
  const router = createRouter(endpoints);

  /** Sends one request to the server that the router picks, and retries while it fails. */
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
        if (leave === null) continue; // the server went down while this request waited
        try {
          return await request(endpoint);
        } catch (error) {
          if (error instanceof TransientError && !isOverload(error) && endpoints.length > 1)
            endpoint.markDown(error.message);
          throw error;
        } finally {
          leave();
        }
      }
    }
    try {
      return await withRetries(tryOnce, { failingMs: timeouts.failingMs, signal, log });
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const others = endpoints.length > 1 ? `, and so did the others (${endpoints.length} in all)` : '';
      throw new StageExit('DependencyDown', `the policy server at ${url} failed${others}: ${error.message}`, {
        cause: error,
      });
    }
  }
  const { model, contextTokens } = await oneModel(endpoints, (endpoint) =>
    ask(1, endpoint.url, () => endpoint.model()),
  );
  log.info({ urls: endpoints.map(({ url }) => url), model, contextTokens }, 'policy server is ready');

  const usage = { promptTokens: 0, completionTokens: 0, requests: 0, cutToRoom: 0, withoutRoom: 0 };

  /** Tokens to request; null when the server does not say how large its context is. */
  async function tokensToRequest(of: Endpoint, { prompt, maxTokens }: CompletionRequest): Promise<number | null> {
    if (contextTokens === null) return null;
    if (certainlyFits(prompt, maxTokens, contextTokens)) return maxTokens;
    const promptTokens = await of.tokensOf(model, prompt);
    return promptTokens === null ? null : tokensLeft(promptTokens, maxTokens, contextTokens);
  }
  async function askOnce(of: Endpoint, request: CompletionRequest): Promise<CompletionBatch> {
    const allowed = await tokensToRequest(of, request);
    const maxTokens = allowed ?? Math.min(request.maxTokens, contextTokens ?? request.maxTokens);
    try {
      const asked = await of.ask(bodyOf({ ...request, maxTokens }, model), request.logprobs ?? true);
      if (maxTokens === request.maxTokens) return { ...asked, isCut: false };
      return { ...asked, completions: asked.completions.map((one) => ({ ...one, cutTo: maxTokens })), isCut: true };
    } catch (error) {
      // When the server does not say what fits, a refusal most likely means that the prompt is too long.
      if (allowed !== null || !(error instanceof StageExit) || error.failure !== 'InvalidInput') throw error;
      throw new PromptTooLong(error.message, { cause: error });
    }
  }
  async function askPolicy(request: CompletionRequest): Promise<CompletionBatch> {
    const isGreedy = request.temperature < GREEDY_BELOW;
    const single = isGreedy ? { ...request, n: 1, temperature: 0 } : request;
    try {
      const asked = await ask(single.n, request.affinity, (of) => askOnce(of, single));
      usage.requests += 1;
      usage.promptTokens += asked.promptTokens;
      usage.completionTokens += asked.completionTokens;
      if (asked.isCut) usage.cutToRoom += 1;
      return isGreedy ? { ...asked, completions: Array(request.n).fill(asked.completions[0]) } : asked;
    } catch (error) {
      if (error instanceof PromptTooLong) usage.withoutRoom += 1;
      throw error;
    }
  }
  return {
    usage,
    ask: askPolicy,
    complete: async (request) => [...(await askPolicy(request)).completions],
    state: () => ({ ...router.state(), cutToRoom: usage.cutToRoom, withoutRoom: usage.withoutRoom }),
  };
}

function urlsOf(given: string | undefined): string[] {
  const urls = (given ?? '').split(/[\s,]+/).flatMap((url) => (url === '' ? [] : [url.replace(/\/+$/, '')]));
  if (urls.length > 0) return [...new Set(urls)];
  throw new StageExit('InvalidInput', `${POD_ENV.policyUrl}: expected the URL of a policy server, but got nothing`);
}

/** Lower temperatures count as 0, as in vLLM. */
const GREEDY_BELOW = 1e-5;

/**
 * The model of all healthy servers, with the shortest of their contexts. Different models are refused, because a tree
 * sampled from two policies belongs to neither.
 */
async function oneModel(
  endpoints: readonly Endpoint[],
  modelOf: (endpoint: Endpoint) => Promise<ServedModel>,
): Promise<ServedModel> {
  const models = await Promise.all(
    endpoints.filter(({ isUp }) => isUp).map(async (endpoint) => ({ url: endpoint.url, ...(await modelOf(endpoint)) })),
  );
  const [first] = models;
  const other = models.find(({ model }) => model !== first!.model);
  if (other === undefined) {
    const contexts = models.flatMap(({ contextTokens }) => contextTokens ?? []);
    return { model: first!.model, contextTokens: contexts.length === 0 ? null : Math.min(...contexts) };
  }
  throw new StageExit(
    'InvalidInput',
    `${POD_ENV.policyUrl}: expected servers of one model, but ${first!.url} serves ${first!.model} and ${other.url} ${other.model}`,
  );
}

function bodyOf(request: CompletionRequest, model: string): CompletionBody {
  const { prompt, n, maxTokens, temperature, topP, stop, seed, logprobs = true } = request;
  const vllm = { include_stop_str_in_output: true };
  return {
    model,
    prompt,
    n,
    seed,
    temperature,
    max_tokens: maxTokens,
    top_p: topP,
    ...vllm,
    ...(logprobs ? { logprobs: 0 } : {}), // those of the sampled tokens alone
    ...(stop !== undefined && stop.length > 0 ? { stop: [...stop] } : {}),
  };
}

/** Resolves when one server is healthy. Servers that are not healthy by then are marked as down. */
async function waitUntilHealthy(endpoints: readonly Endpoint[], withinMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const probes = await Promise.all(
      endpoints.map(async (endpoint) => ({
        endpoint,
        problem: await healthProblem(endpoint.url, Math.min(5000, withinMs), signal),
      })),
    );
    if (probes.some(({ problem }) => problem === null)) {
      for (const { endpoint, problem } of probes) if (problem !== null) endpoint.markDown(problem);
      return;
    }
    if (performance.now() >= deadline) {
      const problems = probes.map(
        ({ endpoint: { url }, problem }) =>
          `the policy server at ${url} is not healthy after ${withinMs / 1000} s: ${problem}`,
      );
      throw new StageExit('DependencyDown', problems.join('; '));
    }
    await sleep(Math.min(500, withinMs / 10), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
