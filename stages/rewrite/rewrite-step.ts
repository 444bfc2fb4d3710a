import type { Domain, FaultyRewrite, StepToRewrite } from '../../domains/domain.ts';
import type { RewriteConfig } from '../../spec/stages/rewrite.ts';
import type { Completion, Policy } from '../policy/policy.ts';

export type RewriteStepSettings = Pick<RewriteConfig, 'attemptsPerStep' | 'temperature' | 'maxStepTokens'>;

/** A step as prose, or why every attempt was rejected. */
export interface Rewritten {
  readonly text: string | null;
  /** Tokens of the text: those of the accepted attempt alone. */
  readonly tokens: number;
  /** Faults of the rejected attempts, in order. */
  readonly faults: readonly FaultyRewrite[];
}

const isCut = ({ finishReason }: Pick<Completion, 'finishReason'>): boolean => finishReason === 'length';
const OUT_OF_CONTEXT: FaultyRewrite = { reason: 'context', detail: 'it does not fit into the rest of the context' };
const EMPTY: FaultyRewrite = { reason: 'empty', detail: 'it is empty' };
const tooLong = (tokens: number): FaultyRewrite => ({
  reason: 'tooLong',
  detail: `it is longer than ${tokens} tokens`,
});

/**
 * Lets the policy rewrite one step as prose. When the domain finds a fault, the policy is asked again with another
 * seed.
 * @param seedOf - seed of an attempt; the first attempt is 0
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
        : OUT_OF_CONTEXT
      : text === ''
        ? EMPTY
        : domain.faultOfRewrite({ ...asked, step: asked.step.trim() }, text);
    if (fault === null) return { text, tokens: completion!.tokens, faults };
    faults.push(fault);
  }
  return { text: null, tokens: 0, faults };
}
