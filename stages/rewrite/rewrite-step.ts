import type { RewriteConfig, RewriteFault } from '../../spec/index.ts';
import type { Domain } from '../domain.ts';
import type { Policy } from '../policy.ts';

export type RewriteStepSettings = Pick<RewriteConfig, 'attemptsPerStep' | 'temperature' | 'maxStepTokens'>;

/** Prose for a step, or why every attempt was turned down. */
export interface Rewritten {
  readonly text: string | null;
  /** Tokens of the text; of all attempts those of the last alone. */
  readonly tokens: number;
  readonly faults: readonly string[];
}

/** What a fault of a rewritten step is counted as, by its words. The first that fits. */
const REASONS = {
  tooLong: /^it is longer than/,
  empty: /^it is empty/,
  phrase: /^it holds the phrase/,
  answer: /final answer/,
  numbers: /number|^it ends with \d/,
  context: /outgrown its context/,
} as const;

/** Kind of a fault, for counts; `form` for all that has no kind of its own. */
export const reasonOf = (fault: string): RewriteFault =>
  (Object.entries(REASONS) as [RewriteFault, RegExp][]).find(([, words]) => words.test(fault))?.[0] ?? 'form';

/**
 * Has the policy put one step into prose. What the domain finds fault with is asked for again with another seed.
 * @param written - the solution's text so far
 * @param seedOf - seed of an attempt, from 0
 */
export async function rewriteStep(
  { domain, policy }: { domain: Domain; policy: Policy },
  { problem, written, step }: { problem: string; written: string; step: string },
  { attemptsPerStep, temperature, maxStepTokens }: RewriteStepSettings,
  seedOf: (attempt: number) => number,
): Promise<Rewritten> {
  const faults: string[] = [];
  const prompt = domain.prompts.rewrite(problem, written, step);
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
    const fault =
      completion!.finishReason === 'length'
        ? `it is longer than ${maxStepTokens} tokens`
        : text === ''
          ? 'it is empty'
          : domain.faultOfRewrite(step.trim(), text);
    if (fault === null) return { text, tokens: completion!.tokens, faults };
    faults.push(fault);
  }
  return { text: null, tokens: 0, faults };
}
