import type { Domain } from '../../domains/domain.ts';
import type { Problem, TreeNode } from '../../spec/records.ts';
import { unlessPromptTooLong } from '../policy/context-window.ts';
import type { Completion, Policy } from '../policy/policy.ts';

/** Longest self-evaluation in tokens: a sentence or two and the verdict. *Ours*. */
const MAX_TOKENS = 256;

/**
 * Counts how often the policy itself approves a right solution. It judges N times at temperature 1, and all N must
 * approve. This rejects lucky guesses: a right answer from wrong reasoning.
 * @param path - nodes from below the root to the terminal
 * @param times - N, at least 1
 * @returns approvals out of N; null when the solution and the question together do not fit into the context
 * @see ASTRO (arXiv 2507.00417), procedure cloning
 */
export async function selfEvaluate(
  { problem, domain, policy }: { problem: Problem; domain: Domain; policy: Policy },
  path: readonly TreeNode[],
  times: number,
  seed: number,
): Promise<number | null> {
  const steps = path.map(({ step }) => step);
  const request = {
    prompt: domain.prompts.selfEvaluate(problem.problem, steps),
    n: times,
    maxTokens: MAX_TOKENS,
    temperature: 1,
    topP: 1,
    stop: domain.rewriteStops,
    seed,
  };
  const evaluations = await unlessPromptTooLong(
    () => policy.complete(request),
    (): Completion[] => [],
  );
  return evaluations.length === times ? evaluations.filter(({ text }) => domain.approves(text)).length : null;
}
