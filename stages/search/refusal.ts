import { StageExit } from '../exits.ts';

/**
 * Asks the policy, with `instead` where its server refuses the request as such. That is how a text ends that has outgrown the model's
 * context: it is given up, and the stage goes on. Only for prompts that grow from one which the server has taken; a prompt that begins
 * something is to fail loudly, because then it is the settings that are wrong.
 */
export async function unlessRefused<T>(ask: () => Promise<T>, instead: () => T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof StageExit && error.failure === 'InvalidInput') return instead();
    throw error;
  }
}
