import { StageExit } from '../runtime/exits.ts';

/** A prompt that leaves no room in the model's context: it was not sent, or the server refused it for that reason as far as one can tell. */
export class NoRoom extends StageExit {
  constructor(message: string, options?: ErrorOptions) {
    super('InvalidInput', message, options);
  }
}

/** Tokens that a tokenizer may put around a text. *Ours*. */
const AROUND = 8;

/**
 * Whether a prompt and its completion fit into the context, without asking a tokenizer: no token stands for less than a byte. Most requests
 * are settled by it. Pure.
 */
export const fitsSurely = (prompt: string, maxTokens: number, contextTokens: number): boolean =>
  Buffer.byteLength(prompt) + AROUND + maxTokens <= contextTokens;

/**
 * Tokens that may be asked for behind a prompt: those wanted, or as many as the context has left. A real vLLM refuses more. Pure.
 * @throws NoRoom when none is left
 */
export function tokensBehind(promptTokens: number, wanted: number, contextTokens: number): number {
  const room = contextTokens - promptTokens;
  if (room >= 1) return Math.min(wanted, room);
  throw new NoRoom(
    `the prompt has ${promptTokens} tokens, and the context of the policy server holds ${contextTokens}: there is no room for an answer`,
  );
}

/**
 * Asks the policy, with `instead` where the prompt leaves no room for an answer. So a text that has outgrown the context, or a problem that
 * never fitted, is counted and given up, and the stage goes on. Whatever else the server refuses ends the stage: then the settings are wrong.
 */
export async function unlessNoRoom<T>(ask: () => Promise<T>, instead: () => T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof NoRoom) return instead();
    throw error;
  }
}

/**
 * A stage none of whose prompts fits has the wrong settings, and no result.
 * @throws StageExit `InvalidInput`
 */
export function refuseUnlessSomeFit(prompts: number, withoutRoom: number): void {
  if (prompts === 0 || withoutRoom < prompts) return;
  throw new StageExit(
    'InvalidInput',
    `expected prompts that leave room for an answer, but none of ${prompts} does: the context of the policy server is too short for them (run.policyServer.contextTokens, stages.pretrain.model.contextTokens)`,
  );
}
