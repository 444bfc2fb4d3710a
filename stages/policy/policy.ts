import { setTimeout as sleep } from 'node:timers/promises';
import { POD_ENV } from '../../spec/pod-env.ts';
import type { StageKind } from '../../spec/stages/index.ts';
import type { StageContext } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';
import type { Completion, Served } from './answer.ts';
import { fitsSurely, NoRoom, tokensBehind } from './capacity.ts';
import { type CompletionBody, createEndpoint, type Endpoint, isOverload, LOOK_MS } from './endpoint.ts';
import { ailmentOf } from './health.ts';
import { type Patience, patienceOf, Trouble, withPatience } from './patience.ts';
import { createRouter } from './router.ts';

export type { Completion } from './answer.ts';

export interface CompletionRequest {
  readonly prompt: string;
  /** Continuations wanted. */
  readonly n: number;
  readonly maxTokens: number;
  /** 0 is greedy; then all n are equal, and the server is asked for one. */
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
  /** Tokens that the server made: of n equal completions at temperature 0 those of one. */
  readonly completionTokens: number;
  /** Whether fewer tokens were asked for than wanted, as the context had no room for more. */
  readonly isCut: boolean;
}

/** The language model behind its policy server: anything that speaks OpenAI's completions with vLLM's `include_stop_str_in_output`. */
export interface Policy {
  /**
   * @returns `n` completions in the order of the server
   * @throws StageExit `DependencyDown` when the server cannot be reached, fails, hangs, or answers what is not an answer, and goes on so
   * @throws NoRoom when the prompt leaves no room in the context: it is not sent
   * @throws StageExit `InvalidInput` when the server refuses the request as such
   */
  complete(request: CompletionRequest): Promise<Completion[]>;
  /** What was asked of the server by this process. Tokens of a prompt count once for its n completions. */
  readonly usage: {
    readonly promptTokens: number;
    readonly completionTokens: number;
    readonly requests: number;
    /** Requests that asked for fewer tokens than wanted, and prompts that were not sent: the context had no room. */
    readonly cutToRoom: number;
    readonly withoutRoom: number;
  };
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
  const { model, contextTokens } = await oneModel(endpoints, (endpoint) =>
    ask(1, endpoint.url, () => endpoint.model()),
  );
  log.info({ urls: endpoints.map(({ url }) => url), model, contextTokens }, 'policy server is ready');

  const usage = { promptTokens: 0, completionTokens: 0, requests: 0, cutToRoom: 0, withoutRoom: 0 };

  /** The tokens to ask for; null where the server does not tell what its context holds. */
  async function roomFor(of: Endpoint, { prompt, maxTokens }: CompletionRequest): Promise<number | null> {
    if (contextTokens === null) return null;
    if (fitsSurely(prompt, maxTokens, contextTokens)) return maxTokens;
    const promptTokens = await of.tokensOf(model, prompt);
    return promptTokens === null ? null : tokensBehind(promptTokens, maxTokens, contextTokens);
  }
  async function askOnce(of: Endpoint, request: CompletionRequest): Promise<Asked> {
    const room = await roomFor(of, request);
    const maxTokens = room ?? Math.min(request.maxTokens, contextTokens ?? request.maxTokens);
    try {
      const asked = await of.ask(bodyOf({ ...request, maxTokens }, model), request.logprobs ?? true);
      if (maxTokens === request.maxTokens) return { ...asked, isCut: false };
      return { ...asked, completions: asked.completions.map((one) => ({ ...one, cutTo: maxTokens })), isCut: true };
    } catch (error) {
      // Where nothing tells what fits, a refusal is taken for a prompt that does not.
      if (room !== null || !(error instanceof StageExit) || error.failure !== 'InvalidInput') throw error;
      throw new NoRoom(error.message, { cause: error });
    }
  }
  async function askPolicy(request: CompletionRequest): Promise<Asked> {
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
      if (error instanceof NoRoom) usage.withoutRoom += 1;
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

/** Temperatures below it are taken for 0, as vLLM does. */
const GREEDY_BELOW = 1e-5;

/** What all servers which are up serve: a tree of two policies would be of neither. The shortest context is that of all. */
async function oneModel(
  endpoints: readonly Endpoint[],
  modelOf: (endpoint: Endpoint) => Promise<Served>,
): Promise<Served> {
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
