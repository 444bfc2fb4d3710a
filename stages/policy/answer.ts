import { z } from 'zod';
import { Trouble } from './patience.ts';

/** One sampled continuation of a prompt. */
export interface Completion {
  /** Without the prompt; a stop string that ended it is included. */
  readonly text: string;
  /** 0 where no log-probabilities were asked for: then only their sum over the completions is known. */
  readonly tokens: number;
  readonly finishReason: 'stop' | 'length';
  /** Sum of the log-probabilities of its tokens, under the policy as it is (natural logarithm, at most 0); NaN where none were asked for. */
  readonly logprob: number;
  /** Its tokens, told apart where the server names them: two spellings of one text differ here. */
  readonly spelling?: string;
  /** Tokens that were asked for, where the context had room for fewer than were wanted. */
  readonly cutTo?: number;
}

const Choice = z.object({ index: z.int().min(0), text: z.string(), finish_reason: z.enum(['stop', 'length']) });

/** Of one choice of the server's answer, what is read. A sampled token always has a log-probability: without it a prior would be made up. */
const ChoiceWithLogprobs = Choice.extend({
  logprobs: z.object({ token_logprobs: z.array(z.number()), tokens: z.array(z.string()).nullish() }),
}).refine(({ text, logprobs }) => text === '' || logprobs.token_logprobs.length > 0, {
  path: ['logprobs', 'token_logprobs'],
  message: 'expected those of the tokens of a text that is not empty, but got none',
});

const usage = z.object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0) });
const Answer = z.object({ choices: z.array(Choice), usage });
const AnswerWithLogprobs = z.object({ choices: z.array(ChoiceWithLogprobs), usage });

const Models = z.object({
  data: z.array(z.object({ id: z.string().min(1), max_model_len: z.int().min(1).nullish() })).min(1),
});
const Tokenized = z.object({ count: z.int().min(0) });

/** What a server says of its model. */
export interface Served {
  readonly model: string;
  /** Longest prompt and completion together; null where the server does not tell. */
  readonly contextTokens: number | null;
}

/**
 * Reads the answer to a request for `n` completions. Pure.
 * @param logprobs - whether they were asked for
 * @returns the completions in the order of their indices, and the tokens that they took
 * @throws Trouble saying what came instead: an answer that is none is never taken for completions that are wrong
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
  if (sorted.length !== n) throw garbage(`expected ${n} choices, but got ${sorted.length}`);
  if (sorted.some((choice, index) => choice.index !== index)) {
    throw garbage(
      `choices: expected each index below ${n} once, but got ${sorted.map(({ index }) => index).join(', ')}`,
    );
  }
  return sorted;
}

/** The served model, from the answer to `GET /v1/models`. Pure. @throws Trouble saying what came instead */
export function readModel(body: unknown): Served {
  const { id, max_model_len } = parse(Models, body).data[0]!;
  return { model: id, contextTokens: max_model_len ?? null };
}

/** Tokens of a prompt, from the answer to `POST /tokenize`. Pure. @throws Trouble saying what came instead */
export const readTokenCount = (body: unknown): number => parse(Tokenized, body).count;

export const garbage = (what: string, cause?: unknown): Trouble =>
  new Trouble(`it answers what is not a completion: ${what}`, { cause });

function parse<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw garbage(`${issue?.path.map(String).join('.') || 'the answer'}: ${issue?.message}`, parsed.error);
}
