import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import type { CompletionCreateParamsNonStreaming } from 'openai/resources/completions';
import { z } from 'zod';
import { POD_ENV, type StageKind } from '../spec/index.ts';
import type { StageContext } from './context.ts';
import { StageExit } from './exits.ts';

/** One sampled continuation of a prompt. */
export interface Completion {
  /** Without the prompt; a stop string that ended it is included. */
  readonly text: string;
  readonly tokens: number;
  readonly finishReason: 'stop' | 'length';
  /** Sum of the log-probabilities of its tokens, under the policy as it is (natural logarithm, at most 0). */
  readonly logprob: number;
}

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
   * @throws StageExit `DependencyDown` when the server cannot be reached, fails, or answers what is not an answer
   * @throws StageExit `InvalidInput` when the server refuses the request as such (a prompt longer than its context)
   */
  complete(request: CompletionRequest): Promise<Completion[]>;
  /** What was asked of the server by this process. Tokens of a prompt count once for its n completions. */
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number; readonly requests: number };
}

export interface PolicyOptions {
  /** Base URL without `/v1`; the pod contract's when left out. */
  readonly url?: string | undefined;
  /** Retries of a request, with the client's exponential backoff and jitter (0.5 s to 8 s): 8 bridge about 40 s. *Ours*. */
  readonly maxRetries?: number;
  /** How long a server may take to become ready. The executor starts us after it, so this only bridges a restart. *Ours*. */
  readonly readyWithinMs?: number;
  /** Longest answer awaited. Long rollouts of a large model take minutes. *Ours*. */
  readonly requestTimeoutMs?: number;
}

/** Of the server's answer, what is read. */
const Answer = z.object({
  choices: z.array(
    z.object({
      index: z.int().min(0),
      text: z.string(),
      finish_reason: z.enum(['stop', 'length']),
      logprobs: z.object({ token_logprobs: z.array(z.number().nullable()) }),
    }),
  ),
  usage: z.object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0) }),
});

const Models = z.object({ data: z.array(z.object({ id: z.string().min(1) })).min(1) });

/**
 * Connects to the policy server of the pod: waits until it is healthy and asks for the name of its model.
 * @throws StageExit `DependencyDown` when it does not become ready
 */
export async function connectPolicy(
  { signal, log }: Pick<StageContext<StageKind>, 'signal' | 'log'>,
  options: PolicyOptions = {},
): Promise<Policy> {
  const url = (options.url ?? process.env[POD_ENV.policyUrl])?.replace(/\/+$/, '');
  if (!url)
    throw new StageExit('InvalidInput', `${POD_ENV.policyUrl}: expected the URL of a policy server, but got nothing`);
  await waitUntilHealthy(url, options.readyWithinMs ?? 60_000, signal);
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'none', // the server stands in our own pod
    maxRetries: options.maxRetries ?? 8,
    timeout: options.requestTimeoutMs ?? 30 * 60_000,
  });
  const model = await ask(
    url,
    signal,
    async () => parseAnswer(Models, await client.get('/models', { signal }), url).data[0]!.id,
  );
  log.info({ url, model }, 'policy server is ready');
  const usage = { promptTokens: 0, completionTokens: 0, requests: 0 };
  return {
    usage,
    async complete(request) {
      const answer = await ask(url, signal, async () =>
        parseAnswer(Answer, await client.completions.create(bodyOf(request, model), { signal }), url),
      );
      if (answer.choices.length !== request.n) {
        throw garbage(url, `expected ${request.n} choices, but got ${answer.choices.length}`);
      }
      usage.requests += 1;
      usage.promptTokens += answer.usage.prompt_tokens;
      usage.completionTokens += answer.usage.completion_tokens;
      return answer.choices.toSorted((a, b) => a.index - b.index).map(toCompletion);
    },
  };
}

function bodyOf(request: CompletionRequest, model: string): CompletionCreateParamsNonStreaming {
  const { prompt, n, maxTokens, temperature, topP, stop, seed } = request;
  const vllm = { include_stop_str_in_output: true };
  return {
    ...{ model, prompt, n, seed, temperature, max_tokens: maxTokens, top_p: topP, logprobs: 1, ...vllm },
    ...(stop !== undefined && stop.length > 0 ? { stop: [...stop] } : {}),
  };
}

function toCompletion({ text, finish_reason, logprobs }: z.infer<typeof Answer>['choices'][number]): Completion {
  const tokens = logprobs.token_logprobs;
  const logprob = tokens.reduce<number>((sum, token) => sum + (token ?? 0), 0);
  return { text, tokens: tokens.length, finishReason: finish_reason, logprob };
}

/** Runs a request and puts the client's errors into the words of the failure table. */
async function ask<T>(url: string, signal: AbortSignal, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof OpenAI.BadRequestError || error instanceof OpenAI.UnprocessableEntityError) {
      throw new StageExit('InvalidInput', `the policy server at ${url} refused a request: ${error.message}`, {
        cause: error,
      });
    }
    if (error instanceof OpenAI.APIError) {
      const why = error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
      throw new StageExit('DependencyDown', `the policy server at ${url} does not answer: ${why}`, { cause: error });
    }
    if (error instanceof SyntaxError) throw garbage(url, error.message, error);
    throw error;
  }
}

function parseAnswer<S extends z.ZodType>(schema: S, answer: unknown, url: string): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw garbage(url, `${issue?.path.map(String).join('.') || 'the answer'}: ${issue?.message}`, parsed.error);
}

const garbage = (url: string, what: string, cause?: unknown): StageExit =>
  new StageExit('DependencyDown', `the policy server at ${url} answers what is not a completion: ${what}`, { cause });

async function waitUntilHealthy(url: string, withinMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (let last = 'no answer'; ; ) {
    try {
      const answer = await fetch(`${url}/health`, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) });
      await answer.body?.cancel();
      if (answer.ok) return;
      last = `HTTP ${answer.status}`;
    } catch (error) {
      signal.throwIfAborted();
      const cause = (error as Error).cause;
      last = cause instanceof Error ? cause.message : (error as Error).message;
    }
    if (performance.now() >= deadline) {
      throw new StageExit(
        'DependencyDown',
        `the policy server at ${url} is not healthy after ${withinMs / 1000} s: ${last}`,
      );
    }
    await sleep(Math.min(500, withinMs / 10), undefined, { signal });
  }
}
