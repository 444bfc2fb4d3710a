import { StageExit } from '../runtime/exits.ts';

/**
 * The prompt leaves no space in the model's context. Either it was not sent, or the server refused it, probably for
 * this reason.
 */
export class PromptTooLong extends StageExit {
  constructor(message: string, options?: ErrorOptions) {
    super('InvalidInput', message, options);
  }
}

/** Tokens that a tokenizer may add around a text. *Ours*. */
const TOKENIZER_MARGIN = 8;

/**
 * Whether a prompt and its completion certainly fit into the context. No tokenizer is needed: every token stands for at
 * least one byte. This decides most requests. Pure.
 */
export const certainlyFits = (prompt: string, maxTokens: number, contextTokens: number): boolean =>
  Buffer.byteLength(prompt) + TOKENIZER_MARGIN + maxTokens <= contextTokens;

/**
 * Tokens to request after a prompt: the number wanted, or what the context has left. A real vLLM refuses to exceed its
 * context. Pure.
 * @throws PromptTooLong when nothing is left
 */
export function tokensLeft(promptTokens: number, wanted: number, contextTokens: number): number {
  const left = contextTokens - promptTokens;
  if (left >= 1) return Math.min(wanted, left);
  throw new PromptTooLong(
    `the prompt has ${promptTokens} tokens, and the context of the policy server holds ${contextTokens}: no space is left for an answer`,
  );
}

/**
 * Asks the policy; returns `instead()` when the prompt leaves no space for an answer. So a problem that is too long, or
 * a text that has become too long, is counted and skipped, and the stage continues. Any other refusal ends the stage,
 * because then the settings are wrong.
 */
export async function unlessPromptTooLong<T>(ask: () => Promise<T>, instead: () => T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof PromptTooLong) return instead();
    throw error;
  }
}

/**
 * Ends a stage in which no prompt fits: its settings are wrong, and it has no result.
 * @throws StageExit `InvalidInput`
 */
export function refuseUnlessSomeFit(prompts: number, withoutRoom: number): void {
  if (prompts === 0 || withoutRoom < prompts) return;
  throw new StageExit(
    'InvalidInput',
    `expected prompts that leave space for an answer, but none of ${prompts} does: the context of the policy server is too short for them (run.policyServer.contextTokens, stages.pretrain.model.contextTokens)`,
  );
}
