import type { Move, TreeNode } from '../../spec/records.ts';

/** A node of the sequence L, and how the sequence gets there. */
export interface Visit {
  readonly node: TreeNode;
  readonly move: Move;
}

/**
 * Merges branches into one sequence L, in their order.
 *
 * With `merge` a branch leaves out the nodes that L has already. As every branch starts at the root, these are the beginning of it, and it
 * joins L at the parent of its first new node: the lowest ancestor that it shares with anything visited so far. That is where the sequence
 * goes back to. (After two branches it may lie below the lowest common ancestor with the last branch: what is written once need not be
 * written again.) Without `merge` every branch is written whole, so that each one after the first restarts at the root.
 * @param branches - paths from below the root to a terminal, none a beginning of another
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
