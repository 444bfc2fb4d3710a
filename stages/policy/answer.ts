import { z } from 'zod';
import { TransientError } from './retry.ts';

/** One sampled continuation of a prompt. */
export interface Completion {
  /** Without the prompt. A stop string that ended it is included. */
  readonly text: string;
  /** 0 when no log-probabilities were requested: then only the sum over all completions is known. */
  readonly tokens: number;
  readonly finishReason: 'stop' | 'length';
  /**
   * Sum of the log-probabilities of its tokens under the policy (natural logarithm, at most 0). NaN when none were
   * requested.
   */
  readonly logprob: number;
  /** Its tokens, where the server names them. Two tokenizations of one text differ here. */
  readonly spelling?: string;
  /** Tokens that were requested, when the context had space for fewer than wanted. */
  readonly cutTo?: number;
}

const Choice = z.object({ index: z.int().min(0), text: z.string(), finish_reason: z.enum(['stop', 'length']) });

/**
 * The fields that are read of one choice. Every sampled token must have a log-probability, because a prior without one
 * would be invented.
 */
const ChoiceWithLogprobs = Choice.extend({
  logprobs: z.object({ token_logprobs: z.array(z.number()), tokens: z.array(z.string()).nullish() }),
}).refine(({ text, logprobs }) => text === '' || logprobs.token_logprobs.length > 0, {
  path: ['logprobs', 'token_logprobs'],
  message: 'expected one for each token of a text that is not empty, but got none',
});

const usage = z.object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0) });
const Answer = z.object({ choices: z.array(Choice), usage });
const AnswerWithLogprobs = z.object({ choices: z.array(ChoiceWithLogprobs), usage });

const Models = z.object({
  data: z.array(z.object({ id: z.string().min(1), max_model_len: z.int().min(1).nullish() })).min(1),
});
const Tokenized = z.object({ count: z.int().min(0) });

/** The model that a server serves. */
export interface ServedModel {
  readonly model: string;
  /** Most tokens of prompt and completion together; null when the server does not say. */
  readonly contextTokens: number | null;
}

/**
 * Reads the answer to a request for `n` completions. Pure.
 * @param logprobs - whether log-probabilities were requested
 * @returns the completions in the order of their indices, and the tokens that they took
 * @throws TransientError saying what came instead. A malformed answer never counts as wrong completions.
 */
export function readCompletions(
  body: unknown,
  n: number,
  logprobs = true,
): { completions: Completion[]; promptTokens: number; completionTokens: number } {
  const answer = logprobs ? parse(AnswerWithLogprobs, body) : parse(Answer, body);
  const completions = inOrder(answer.choices, n).map((choice): Completion => {
    const { text, finish_reason: finishReason } = choice;
    if (!('logprobs' in choice)) return { text, finishReason, tokens: 0, logprob: Number.NaN };
    const { token_logprobs: each, tokens } = choice.logprobs as z.output<typeof ChoiceWithLogprobs>['logprobs'];
    const logprob = each.reduce((sum, token) => sum + token, 0);
    return { text, finishReason, tokens: each.length, logprob, ...(tokens && { spelling: tokens.join('\0') }) };
  });
  return {
    completions,
    promptTokens: answer.usage.prompt_tokens,
    completionTokens: answer.usage.completion_tokens,
  };
}

function inOrder<C extends z.output<typeof Choice>>(choices: readonly C[], n: number): C[] {
  const sorted = choices.toSorted((a, b) => a.index - b.index);
  if (sorted.length !== n) throw malformedAnswer(`expected ${n} choices, but got ${sorted.length}`);
  if (sorted.some((choice, index) => choice.index !== index)) {
    throw malformedAnswer(
      `choices: expected each index below ${n} once, but got ${sorted.map(({ index }) => index).join(', ')}`,
    );
  }
  return sorted;
}

/** The served model, from the answer to `GET /v1/models`. Pure. @throws TransientError saying what came instead */
export function readModel(body: unknown): ServedModel {
  const { id, max_model_len } = parse(Models, body).data[0]!;
  return { model: id, contextTokens: max_model_len ?? null };
}

/** Tokens of a prompt, from the answer to `POST /tokenize`. Pure. @throws TransientError saying what came instead */
export const readTokenCount = (body: unknown): number => parse(Tokenized, body).count;

export const malformedAnswer = (what: string, cause?: unknown): TransientError =>
  new TransientError(`its answer is not a completion: ${what}`, { cause });

function parse<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformedAnswer(`${issue?.path.map(String).join('.') || 'the answer'}: ${issue?.message}`, parsed.error);
}
