import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import { InvalidInputError, type Policy, parseOrRefuse } from '../spec/index.ts';
import type { LoadedDomain } from './domain.ts';

/** A special token as tokenizers write it down. */
const Token = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish()
  .transform((token) => token ?? '');

/** Of `tokenizer_config.json`, what is read. */
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

/** What an instruct model reads before its answer to a message of a user. */
export type Chat = (message: string) => string;

/**
 * The chat template of a model folder in Hugging Face layout: `chat_template.jinja`, else that of `tokenizer_config.json`.
 * @param folder - relative ones start at the working directory, which is the project
 * @returns null where the model has none
 * @throws InvalidInputError when the folder cannot be read, or its template not be rendered
 */
export function readChat(folder: string): Chat | null {
  const refuse = (file: string, message: string): never => {
    throw new InvalidInputError('policy.uri', [{ field: file, message }]);
  };
  const read = (name: string): string | null => {
    const file = join(folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : null;
  };
  if (!existsSync(folder)) {
    const words =
      'expected the folder of the model, for its chat template, but there is none; or set policy.chat to none';
    refuse(folder, words);
  }
  const file = join(folder, 'tokenizer_config.json');
  const config = parseOrRefuse(TokenizerConfig, JSON.parse(read('tokenizer_config.json') ?? '{}'), file);
  const source = read('chat_template.jinja') ?? config.chat_template;
  if (source === undefined) return null;
  const { bos_token, eos_token } = config;
  const addsBos = bos_token !== '' && startsWith(read('tokenizer.json'), bos_token);
  const template = new Template(source);
  const chat: Chat = (content) => {
    const messages = [{ role: 'user', content }];
    const text = template.render({ messages, bos_token, eos_token, add_generation_prompt: true });
    return addsBos && text.startsWith(bos_token) ? text.slice(bos_token.length) : text;
  };
  try {
    chat('1 + 1 = ?');
  } catch (error) {
    refuse(folder, `expected a chat template that renders a message, but it says: ${(error as Error).message}`);
  }
  return chat;
}

/** Whether a tokenizer puts the token in front of a text by itself: then the template must not, or it would stand there twice. */
function startsWith(tokenizer: string | null, token: string): boolean {
  if (tokenizer === null) return false;
  const { post_processor } = JSON.parse(tokenizer) as { post_processor?: unknown };
  return JSON.stringify(post_processor ?? null).includes(JSON.stringify(token));
}

/**
 * The domain as a campaign's policy is to see it: every prompt is the message of a user, and the policy answers it. What the policy writes
 * begins right behind the template; else the two are joined as the domain joins steps.
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

/** What the template ends with, whatever the message: the beginning of an answer. */
function openingOf(chat: Chat): string {
  const mark = '\u2042';
  return chat(mark).split(mark).at(-1)!;
}

/** The chat template that a campaign wants: the model's own, unless it says `none`. A model trained from scratch has none. */
export function chatOf(policy: Policy): Chat | null {
  return policy.type === 'pretrained' && policy.chat === 'model' ? readChat(resolve(policy.uri)) : null;
}
