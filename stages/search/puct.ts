import type { TreeNode } from '../../spec/records.ts';
import { nodeAt, type SearchTree } from './tree.ts';

/** What selection reads of a child: Q(S,a) = `q`, P(a|S) = `prior`, N(S,a) = `visits`. */
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

/**
 * Follows the highest score from the root down to a leaf. Among equal scores, the child that was sampled first wins.
 *
 * Leaves in flight count as *virtual losses*: until its result is in, each of them counts at every node of its path as
 * one more visit with reward 0, `N' = N + v` and `Q' = N · Q / (N + v)`, so that the next selection takes another path.
 * A leaf that is being expanded is not selected again, nor is a node with only such leaves below it.
 * @param inFlight - ids of the leaves that were selected and are not backed up yet, as often as they were selected
 * @returns null when every leaf is being expanded
 * @see Chaslot, Winands, van den Herik (2008), Parallel Monte-Carlo Tree Search: virtual loss
 */
export function selectLeaf(tree: SearchTree, c: number, inFlight: readonly number[] = []): TreeNode | null {
  const virtual = virtualVisits(tree, inFlight);
  const blocked = blockedNodes(tree, inFlight);
  if (blocked.has(0)) return null;
  let node = withLosses(nodeAt(tree, 0), virtual);
  for (let ids = tree.children[0]!; ids.length > 0; ids = tree.children[node.id]!) {
    const children = ids.map((id) => withLosses(nodeAt(tree, id), virtual));
    const scores = puctScores(children, node.visits, c).map((score, index) =>
      blocked.has(ids[index]!) ? Number.NEGATIVE_INFINITY : score,
    );
    node = children[scores.indexOf(Math.max(...scores))]!;
  }
  return nodeAt(tree, node.id);
}

function withLosses(node: TreeNode, virtual: ReadonlyMap<number, number>): TreeNode {
  const losses = virtual.get(node.id);
  if (losses === undefined) return node;
  const visits = node.visits + losses;
  return { ...node, visits, q: (node.q * node.visits) / visits };
}

/** Virtual visits of the nodes on the paths to leaves in flight. */
function virtualVisits(tree: SearchTree, inFlight: readonly number[]): Map<number, number> {
  const virtual = new Map<number, number>();
  for (const leaf of inFlight) {
    for (let id: number | null = leaf; id !== null; id = nodeAt(tree, id).parent) {
      virtual.set(id, (virtual.get(id) ?? 0) + 1);
    }
  }
  return virtual;
}

/** Leaves that are being expanded, and nodes with only such leaves below them. */
function blockedNodes(tree: SearchTree, inFlight: readonly number[]): Set<number> {
  const blocked = new Set<number>();
  for (const leaf of inFlight) {
    if (nodeAt(tree, leaf).terminal) continue;
    for (let id: number | null = leaf; id !== null; id = nodeAt(tree, id).parent) {
      if (!tree.children[id]!.every((child) => blocked.has(child))) break;
      blocked.add(id);
    }
  }
  return blocked;
}
