import type { Domain, FaultyRewrite, StepToRewrite } from '../../domains/domain.ts';
import type { RewriteConfig } from '../../spec/stages/rewrite.ts';
import type { Completion, Policy } from '../policy/policy.ts';

export type RewriteStepSettings = Pick<RewriteConfig, 'attemptsPerStep' | 'temperature' | 'maxStepTokens'>;

/** Prose for a step, or why every attempt was turned down. */
export interface Rewritten {
  readonly text: string | null;
  /** Tokens of the text; of all attempts those of the last alone. */
  readonly tokens: number;
  /** Of the attempts that were turned down, in order. */
  readonly faults: readonly FaultyRewrite[];
}

const isCut = ({ finishReason }: Pick<Completion, 'finishReason'>): boolean => finishReason === 'length';
const OUT_OF_ROOM: FaultyRewrite = { reason: 'context', detail: 'it does not fit into what the context has left' };
const EMPTY: FaultyRewrite = { reason: 'empty', detail: 'it is empty' };
const tooLong = (tokens: number): FaultyRewrite => ({
  reason: 'tooLong',
  detail: `it is longer than ${tokens} tokens`,
});

/**
 * Has the policy put one step into prose. What the domain finds fault with is asked for again with another seed.
 * @param seedOf - seed of an attempt, from 0
 */
export async function rewriteStep(
  { domain, policy }: { domain: Domain; policy: Policy },
  asked: StepToRewrite,
  { attemptsPerStep, temperature, maxStepTokens }: RewriteStepSettings,
  seedOf: (attempt: number) => number,
): Promise<Rewritten> {
  const faults: FaultyRewrite[] = [];
  const prompt = domain.prompts.rewrite(asked.problem, asked.written, asked.step);
  for (let attempt = 0; attempt < attemptsPerStep; attempt += 1) {
    const [completion] = await policy.complete({
      prompt,
      n: 1,
      maxTokens: maxStepTokens,
      temperature,
      topP: 1,
      stop: domain.rewriteStops,
      seed: seedOf(attempt),
    });
    const text = completion!.text.trim();
    const fault = isCut(completion!)
      ? completion!.cutTo === undefined
        ? tooLong(maxStepTokens)
        : OUT_OF_ROOM
      : text === ''
        ? EMPTY
        : domain.faultOfRewrite({ ...asked, step: asked.step.trim() }, text);
    if (fault === null) return { text, tokens: completion!.tokens, faults };
    faults.push(fault);
  }
  return { text: null, tokens: 0, faults };
}
