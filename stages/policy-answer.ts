import { z } from 'zod';
import { Trouble } from './patience.ts';

/** One sampled continuation of a prompt. */
export interface Completion {
  /** Without the prompt; a stop string that ended it is included. */
  readonly text: string;
  readonly tokens: number;
  readonly finishReason: 'stop' | 'length';
  /** Sum of the log-probabilities of its tokens, under the policy as it is (natural logarithm, at most 0). */
  readonly logprob: number;
}

/** Of one choice of the server's answer, what is read. A sampled token always has a log-probability: without it a prior would be made up. */
const Choice = z
  .object({
    index: z.int().min(0),
    text: z.string(),
    finish_reason: z.enum(['stop', 'length']),
    logprobs: z.object({ token_logprobs: z.array(z.number()) }),
  })
  .refine(({ text, logprobs }) => text === '' || logprobs.token_logprobs.length > 0, {
    path: ['logprobs', 'token_logprobs'],
    message: 'expected those of the tokens of a text that is not empty, but got none',
  });

const Answer = z.object({
  choices: z.array(Choice),
  usage: z.object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0) }),
});

const Models = z.object({ data: z.array(z.object({ id: z.string().min(1) })).min(1) });

/**
 * Reads the answer to a request for `n` completions. Pure.
 * @returns the completions in the order of their indices, and the tokens that they took
 * @throws Trouble saying what came instead: an answer that is none is never taken for completions that are wrong
 */
export function readCompletions(
  body: unknown,
  n: number,
): { completions: Completion[]; promptTokens: number; completionTokens: number } {
  const { choices, usage } = parse(Answer, body);
  const inOrder = choices.toSorted((a, b) => a.index - b.index);
  if (inOrder.length !== n) throw garbage(`expected ${n} choices, but got ${inOrder.length}`);
  const stray = inOrder.find((choice, index) => choice.index !== index);
  if (stray !== undefined) {
    throw garbage(
      `choices: expected each index below ${n} once, but got ${inOrder.map(({ index }) => index).join(', ')}`,
    );
  }
  const completions = inOrder.map(({ text, finish_reason, logprobs: { token_logprobs: tokens } }): Completion => {
    const logprob = tokens.reduce((sum, token) => sum + token, 0);
    return { text, tokens: tokens.length, finishReason: finish_reason, logprob };
  });
  return { completions, promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens };
}

/** Name of the served model, from the answer to `GET /v1/models`. Pure. @throws Trouble saying what came instead */
export const readModel = (body: unknown): string => parse(Models, body).data[0]!.id;

export const garbage = (what: string, cause?: unknown): Trouble =>
  new Trouble(`it answers what is not a completion: ${what}`, { cause });

function parse<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw garbage(`${issue?.path.map(String).join('.') || 'the answer'}: ${issue?.message}`, parsed.error);
}
