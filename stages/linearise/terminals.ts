import type { TreeNode } from '../../spec/records.ts';
import { pathTo } from '../search/tree.ts';

/** Terminal nodes of a tree that can be used for training. */
export interface Terminals {
  /** Psi: right terminals, in the order of a depth-first search. */
  readonly correct: readonly TreeNode[];
  /** Lambda: wrong terminals by normalised answer, in the order of a depth-first search. */
  readonly incorrect: ReadonlyMap<string, readonly TreeNode[]>;
}

/**
 * Collects the terminals by depth-first search, with children in the order of expansion.
 *
 * Omitted are terminals without an answer (closed, cut, unjudged), wrong ones whose answer is also that of a right one,
 * and those whose branch has no reasoning, because nothing of it would be written.
 * @param writes - whether a node has reasoning to write; see {@link reasoningOf}
 * @see ASTRO (arXiv 2507.00417), procedure cloning
 */
export function collectTerminals(
  { nodes }: { readonly nodes: readonly TreeNode[] },
  writes: (node: TreeNode) => boolean,
): Terminals {
  const terminals = depthFirst(nodes).filter(
    (node) => node.terminal && node.answer !== null && pathTo({ nodes }, node.id).some(writes),
  );
  const correct = terminals.filter(({ reward }) => reward === 1);
  const rightAnswers = new Set(correct.map(({ answer }) => answer));
  const wrong = terminals.filter(({ reward, answer }) => reward === 0 && !rightAnswers.has(answer));
  return { correct, incorrect: Map.groupBy(wrong, ({ answer }) => answer!) };
}

function depthFirst(nodes: readonly TreeNode[]): TreeNode[] {
  const children = Map.groupBy(nodes, ({ parent }) => parent);
  const order: TreeNode[] = [];
  const stack = [...(children.get(null) ?? [])];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    order.push(node);
    stack.push(...(children.get(node.id) ?? []).toReversed());
  }
  return order;
}
