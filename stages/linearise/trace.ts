import type { Move, TreeNode } from '../../spec/records.ts';

/** A node of the sequence L, and the move that leads to it. */
export interface Visit {
  readonly node: TreeNode;
  readonly move: Move;
}

/**
 * Merges branches into one sequence L, in their order.
 *
 * With `merge`, a branch omits the nodes that L already has. Every branch starts at the root, so these are its first
 * nodes. The branch joins L at the parent of its first new node, which is the lowest ancestor that it shares with any
 * visited branch; the sequence goes back to that node. (After two branches it may lie below the lowest common ancestor
 * with the last branch, because a node is not written twice.) Without `merge`, every branch is written whole, so each
 * one after the first restarts at the root.
 * @param branches - paths from below the root to a terminal; none is the beginning of another
 * @see ASTRO (arXiv 2507.00417), procedure cloning
 */
export function mergeBranches(branches: readonly (readonly TreeNode[])[], merge: boolean): Visit[] {
  const sequence: Visit[] = [];
  const visited = new Set<number>();
  for (const branch of branches) {
    const fresh = merge ? branch.filter(({ id }) => !visited.has(id)) : branch;
    fresh.forEach((node, index) => {
      const jumps = index === 0 && sequence.length > 0;
      const move: Move = jumps ? { type: 'backtrack', to: node.parent ?? 0 } : { type: 'continue' };
      sequence.push({ node, move });
      visited.add(node.id);
    });
  }
  return sequence;
}
