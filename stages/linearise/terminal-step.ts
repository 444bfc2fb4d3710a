import type { Domain } from '../../domains/domain.ts';
import type { TreeNode } from '../../spec/records.ts';

type Splits = Pick<Domain, 'splitSteps' | 'join'>;

/**
 * Splits the step of a terminal into its reasoning and its final answer. The domain's `splitSteps` says where; a step
 * that it does not split is all answer.
 */
export function splitTerminal(step: string, { splitSteps, join }: Splits): { reasoning: string; answer: string } {
  const parts = splitSteps(step);
  return { reasoning: join(parts.slice(0, -1)), answer: parts.at(-1) ?? step };
}

/**
 * The part of a node's step that goes into a solution: all of an intermediate step, and the part of a terminal before
 * its final answer.
 *
 * The answer of a wrong branch is left out (*ours*). It would give away the verdict that follows, but the policy has to
 * judge the reasoning. A solution also has only one final answer.
 */
export function reasoningOf({ step, terminal }: Pick<TreeNode, 'step' | 'terminal'>, domain: Splits): string {
  return terminal ? splitTerminal(step, domain).reasoning : step;
}
