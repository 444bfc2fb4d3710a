import { z } from 'zod';
import { TreeNode } from '../../spec/records.ts';
import { backUp } from './backup.ts';

/**
 * A search tree is the fold of an append-only log: `events.reduce(grow, INITIAL_TREE)`. An event is one iteration, and
 * has only what cannot be computed again (the policy's text and the verifier's result). Visits and values follow from
 * the order of the events.
 */

/** A child as the expansion creates it. `reward` is its first evaluation. */
export const NewNode = TreeNode.pick({ step: true, prior: true, terminal: true, answer: true }).extend({
  reward: z.number().min(0).max(1),
});
export type NewNode = z.infer<typeof NewNode>;

/** What an iteration did to its selected leaf. */
export const TreeEvent = z.discriminatedUnion('type', [
  /** The leaf got children, and each of them was evaluated. */
  z.object({ type: z.literal('expanded'), leaf: z.int().min(0), children: z.array(NewNode).min(1) }),
  /**
   * The leaf cannot be expanded (no candidate, or too deep). From now on it is a terminal without an answer and with
   * reward 0.
   */
  z.object({ type: z.literal('closed'), leaf: z.int().min(0) }),
  /** The leaf is a terminal. Its reward counts once more. */
  z.object({ type: z.literal('revisited'), leaf: z.int().min(0) }),
]);
export type TreeEvent = z.infer<typeof TreeEvent>;

export interface SearchTree {
  /** `[n]` nodes; a node's id is its index, and a parent comes before its children. */
  readonly nodes: readonly TreeNode[];
  /** `[n]` ids of the children of each node, in order of expansion. */
  readonly children: readonly (readonly number[])[];
}

/** The tree before the first iteration: only the problem. */
export const INITIAL_TREE: SearchTree = {
  nodes: [{ id: 0, parent: null, step: '', prior: 1, visits: 0, q: 0, reward: null, terminal: false, answer: null }],
  children: [[]],
};

/** The tree after one more iteration. Pure: the given tree is unchanged. */
export function grow(tree: SearchTree, event: TreeEvent): SearchTree {
  const leaf = nodeAt(tree, event.leaf);
  switch (event.type) {
    case 'revisited':
      return { ...tree, nodes: backUp(tree.nodes, leaf.id, leaf.reward ?? 0) };
    case 'closed': {
      const closed: TreeNode = { ...leaf, terminal: true, reward: 0, answer: null };
      return { ...tree, nodes: backUp(tree.nodes.with(leaf.id, closed), leaf.id, 0) };
    }
    case 'expanded': {
      const first = tree.nodes.length;
      // The fields are listed one by one, so that their order, and the bytes of the output, do not depend on the
      // journal.
      const created = event.children.map(({ step, prior, reward, terminal, answer }, index): TreeNode => {
        return { id: first + index, parent: leaf.id, step, prior, visits: 0, q: 0, reward, terminal, answer };
      });
      const ids = created.map(({ id }) => id);
      return {
        nodes: created.reduce(
          (nodes, child) => backUp(nodes, child.id, child.reward ?? 0),
          [...tree.nodes, ...created],
        ),
        children: [...tree.children.with(leaf.id, ids), ...ids.map(() => [])],
      };
    }
  }
}

/** @throws RangeError when the node does not exist, which means that the log belongs to another tree */
export function nodeAt(tree: Pick<SearchTree, 'nodes'>, id: number): TreeNode {
  const node = tree.nodes[id];
  if (node === undefined) throw new RangeError(`expected a node below ${tree.nodes.length}, but got ${id}`);
  return node;
}

/** Nodes from below the root to `id`: the steps of a state, or a branch of a trace. Empty for the root. */
export function pathTo(tree: Pick<SearchTree, 'nodes'>, id: number): TreeNode[] {
  const path: TreeNode[] = [];
  for (let node = nodeAt(tree, id); node.parent !== null; node = nodeAt(tree, node.parent)) path.push(node);
  return path.reverse();
}

/** Whether nothing is left to explore: every leaf is a terminal. */
export function isExhausted(tree: SearchTree): boolean {
  return tree.nodes.every((node) => node.terminal || tree.children[node.id]!.length > 0);
}

/** Whether a terminal was judged right. */
export function isSolved(tree: Pick<SearchTree, 'nodes'>): boolean {
  return tree.nodes.some((node) => node.terminal && node.reward === 1);
}
