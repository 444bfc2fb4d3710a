import type { Domain } from '../../domains/domain.ts';
import type { Problem, TreeNode } from '../../spec/records.ts';
import { unlessPromptTooLong } from '../policy/context-window.ts';
import type { Completion, Policy } from '../policy/policy.ts';

/** Longest self-evaluation in tokens: a sentence or two and the verdict. *Ours*. */
const MAX_TOKENS = 256;

/**
 * How often the policy itself finds a right solution right: it judges N times at temperature 1, and all N must agree for it to be taken.
 * Rejects lucky guesses, whose answer is right and whose reasoning is not.
 * @param path - nodes from below the root to the terminal
 * @param times - N, at least 1
 * @returns approvals of N; null where the solution does not fit into the context together with the question
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
  const judgements = await unlessPromptTooLong(
    () => policy.complete(request),
    (): Completion[] => [],
  );
  return judgements.length === times ? judgements.filter(({ text }) => domain.approves(text)).length : null;
}
