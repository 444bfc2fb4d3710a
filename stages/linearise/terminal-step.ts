import type { Domain } from '../../domains/domain.ts';
import type { TreeNode } from '../../spec/records.ts';

type Splits = Pick<Domain, 'splitSteps' | 'join'>;

/**
 * Divides the step of a terminal into what reasons and what states the final answer. The domain's `splitSteps` says where; a step that it
 * leaves whole is all answer.
 */
export function splitTerminal(step: string, { splitSteps, join }: Splits): { reasoning: string; answer: string } {
  const parts = splitSteps(step);
  return { reasoning: join(parts.slice(0, -1)), answer: parts.at(-1) ?? step };
}

/**
 * The part of a node's step that a solution tells: all of an intermediate step, and of a terminal what stands before the final answer.
 *
 * The answer of a wrong branch is not told (*ours*). Told, it would give away the verdict that follows: the policy is to judge the
 * reasoning, and a solution is to have one final answer.
 */
export function reasoningOf({ step, terminal }: Pick<TreeNode, 'step' | 'terminal'>, domain: Splits): string {
  return terminal ? splitTerminal(step, domain).reasoning : step;
}
