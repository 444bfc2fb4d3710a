import type { TreeNode } from '../../spec/index.ts';
import { nodeAt, type SearchTree } from './tree.ts';

/** What selection looks at in a child: Q(S,a) = `q`, P(a|S) = `prior`, N(S,a) = `visits`. */
export type Edge = Pick<TreeNode, 'q' | 'prior' | 'visits'>;

/**
 * PUCT score of every child of one node: `Q(S,a) + c · P(a|S) · √N(S) / (1 + N(S,a))`.
 * @param children - `[A]` edges of one expanded node, in order of expansion; Q is a mean verifier score in [0, 1]
 * @param visits - N(S), visits of the parent, at least 1
 * @param c - c_puct, exploration weight, > 0
 * @returns `[A]` scores
 * @throws RangeError when `children` is empty: a leaf is never selected from
 * @see ASTRO (arXiv 2507.00417), search, selection
 */
export function puctScores(children: readonly Edge[], visits: number, c: number): number[] {
  if (children.length === 0) throw new RangeError('expected a node with children, but got a leaf');
  const exploration = c * Math.sqrt(visits);
  return children.map(({ q, prior, visits: n }) => q + (exploration * prior) / (1 + n));
}

/** Follows the highest score from the root down to a leaf; of equal scores the child that was sampled first wins. */
export function selectLeaf(tree: SearchTree, c: number): TreeNode {
  let node = nodeAt(tree, 0);
  for (let ids = tree.children[0]!; ids.length > 0; ids = tree.children[node.id]!) {
    const children = ids.map((id) => nodeAt(tree, id));
    const scores = puctScores(children, node.visits, c);
    node = children[scores.indexOf(Math.max(...scores))]!;
  }
  return node;
}
