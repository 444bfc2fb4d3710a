import type { TreeNode } from '../../spec/records.ts';

/**
 * Backs one evaluation R up from node `from` to the root. For every node S on the path:
 *
 * `N(S) += 1` and `Q(S) += (R - Q(S)) / N(S)`
 *
 * An evaluation is the verifier's result for a node: the mean of the rollouts of a new child, or the reward of a
 * terminal, each time that it is reached. So N(S) counts the evaluations at S and below it, and Q(S) is their mean. For
 * the children c of an expanded node this is the paper's visit-weighted mean with R included:
 *
 * `Q(S) = (R(S) + Σ N(c) Q(c)) / (1 + Σ N(c))`; the root has no evaluation of its own, so there R(S) and the 1 are left
 * out.
 *
 * An expansion backs up once for each of its children, so that all siblings have the same weight (*ours*: the paper
 * leaves it open).
 * @param nodes - `[n]` nodes; a node's id is its index
 * @param reward - R in [0, 1]
 * @returns the nodes afterwards; the given ones are unchanged
 * @see ASTRO (arXiv 2507.00417), search, backpropagation
 */
export function backUp(nodes: readonly TreeNode[], from: number, reward: number): TreeNode[] {
  const visited = [...nodes];
  for (let id: number | null = from; id !== null; ) {
    const node: TreeNode = nodes[id]!;
    const visits = node.visits + 1;
    visited[id] = { ...node, visits, q: node.q + (reward - node.q) / visits };
    id = node.parent;
  }
  return visited;
}
