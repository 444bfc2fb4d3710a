import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import type { LoadedDomain } from '../../domains/domain.ts';
import { readSmallFile, WrongInputError } from '../../inputs/index.ts';
import { InvalidInputError, parseOrRefuse } from '../../spec/errors.ts';
import type { Policy } from '../../spec/policy.ts';

/** A special token, in both forms that tokenizer files use. */
const Token = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish()
  .transform((token) => token ?? '');

/** The fields that are read of `tokenizer_config.json`. */
const TokenizerConfig = z.object({
  bos_token: Token,
  eos_token: Token,
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish()
    .transform((given) =>
      Array.isArray(given) ? given.find(({ name }) => name === 'default')?.template : (given ?? undefined),
    ),
});

/** Turns a user's message into what an instruct model reads before its answer. */
export type Chat = (message: string) => string;

/** The field that is read of `tokenizer.json`. */
const Tokenizer = z.object({ post_processor: z.unknown() });

/** Largest file to read. The tokenizer of a vocabulary of 256,000 tokens has 33 MB, other files some kB. *Ours*. */
const MAX_BYTES = 128 * 1024 * 1024;

/**
 * The chat template of a model folder in Hugging Face layout: `chat_template.jinja`, else that of
 * `tokenizer_config.json`.
 * @param folder - relative paths start at the working directory, which is the project
 * @returns null when the model has none
 * @throws InvalidInputError when the folder cannot be read, or its template cannot be rendered
 */
export async function readChat(folder: string): Promise<Chat | null> {
  if (!existsSync(folder)) {
    const message =
      'expected the folder of the model, for its chat template, but there is none; or set policy.chat to none';
    throw refused(folder, message);
  }
  const config = await readJson(join(folder, 'tokenizer_config.json'), TokenizerConfig, {});
  const source = (await readText(join(folder, 'chat_template.jinja'))) ?? config.chat_template;
  if (source === undefined) return null;
  const { bos_token, eos_token } = config;
  const addsBos = bos_token !== '' && (await tokenizerAdds(join(folder, 'tokenizer.json'), bos_token));
  try {
    const template = new Template(source);
    const chat: Chat = (content) => {
      const messages = [{ role: 'user', content }];
      const text = template.render({ messages, bos_token, eos_token, add_generation_prompt: true });
      return addsBos && text.startsWith(bos_token) ? text.slice(bos_token.length) : text;
    };
    chat('1 + 1 = ?');
    return chat;
  } catch (error) {
    throw refused(folder, `expected a chat template that renders a message, but it says: ${(error as Error).message}`);
  }
}

const refused = (file: string, message: string) => new InvalidInputError('policy.uri', [{ field: file, message }]);

async function readText(file: string): Promise<string | null> {
  return await readSmallFile(file, MAX_BYTES).catch((error: unknown) => {
    throw error instanceof WrongInputError ? refused(file, error.message) : error;
  });
}

/** @param absent - value for a file that does not exist */
async function readJson<S extends z.ZodType>(file: string, schema: S, absent: unknown): Promise<z.output<S>> {
  const text = await readText(file);
  let value = absent;
  try {
    if (text !== null) value = JSON.parse(text);
  } catch (error) {
    throw refused(file, `expected JSON, but ${(error as Error).message}`);
  }
  return parseOrRefuse(schema, value, file);
}

/**
 * Whether the tokenizer itself puts the token before a text. Then the template must not, or the token would come twice.
 */
async function tokenizerAdds(file: string, token: string): Promise<boolean> {
  const { post_processor } = await readJson(file, Tokenizer, { post_processor: null });
  return JSON.stringify(post_processor ?? null).includes(JSON.stringify(token));
}

/**
 * The domain with its prompts in the form that the campaign's policy expects. Every prompt becomes a user's message.
 * The policy's text follows the template directly; other texts are joined as the domain joins steps.
 */
export function withChat(domain: LoadedDomain, chat: Chat | null): LoadedDomain {
  if (chat === null) return domain;
  const { solve, selfEvaluate, rewrite } = domain.prompts;
  const ask = (message: string): string => chat(message.trim());
  const opening = openingOf(chat);
  return {
    ...domain,
    prompts: {
      solve: (problem) => ask(solve(problem)),
      selfEvaluate: (problem, steps) => ask(selfEvaluate(problem, steps)),
      rewrite: (problem, written, step) => ask(rewrite(problem, written, step)),
    },
    join: ([first = '', ...rest]) =>
      first.endsWith(opening) && rest.length > 0 ? first + domain.join(rest) : domain.join([first, ...rest]),
  };
}

/** The end of the template, which is the same for every message: the beginning of an answer. */
function openingOf(chat: Chat): string {
  const mark = '\u2042';
  return chat(mark).split(mark).at(-1)!;
}

/**
 * The chat template that a campaign asks for: that of its model, unless it says `none`. A model trained from scratch
 * has none.
 */
export async function chatOf(policy: Policy): Promise<Chat | null> {
  return policy.type === 'pretrained' && policy.chat === 'model' ? await readChat(resolve(policy.uri)) : null;
}
