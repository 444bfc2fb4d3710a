import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TreeNode } from '../../spec/index.ts';
import { puctScores, selectLeaf } from '../../stages/search/puct.ts';
import { grow, INITIAL_TREE, pathTo, type SearchTree } from '../../stages/search/tree.ts';
import { anyTree } from '../support/random-trees.ts';

/** Slow and independent: the formula again, by logarithms. */
function slowScore(tree: SearchTree, child: TreeNode, c: number): number {
  const { visits } = tree.nodes[child.parent!]!;
  return child.q + Math.exp(Math.log(c) + Math.log(child.prior) + Math.log(visits) / 2 - Math.log(child.visits + 1));
}

describe('PUCT', () => {
  test('is Q + c · P · √N(S) / (1 + N(S,a)), in a case that can be checked by hand', () => {
    const children = [
      { q: 0.5, prior: 0.25, visits: 3 },
      { q: 0, prior: 0.75, visits: 0 },
    ];
    expect(puctScores(children, 4, 2)).toEqual([0.5 + (2 * 0.25 * 2) / 4, 2 * 0.75 * 2]);
  });

  test('refuses a leaf, because nothing can be selected from it', () => {
    expect(() => puctScores([], 1, 1)).toThrow(RangeError);
  });

  test('selects the best child at each level down to a leaf, by independently computed scores', () => {
    fc.assert(
      fc.property(anyTree(), fc.double({ min: 0.01, max: 10, noNaN: true }), (tree, c) => {
        const leaf = selectLeaf(tree, c)!;
        expect(tree.nodes.some(({ parent }) => parent === leaf.id)).toBe(false);
        for (const taken of pathTo(tree, leaf.id)) {
          const siblings = tree.nodes.filter(({ parent }) => parent === taken.parent);
          const best = Math.max(...siblings.map((sibling) => slowScore(tree, sibling, c)));
          expect(slowScore(tree, taken, c)).toBeGreaterThan(best - 1e-9);
        }
      }),
    );
  });

  test('selects the child that was sampled first when scores are equal', () => {
    const child = (step: string) => ({ step, prior: 0.5, terminal: false, answer: null, reward: 0.5 });
    const tree = grow(INITIAL_TREE, { type: 'expanded', leaf: 0, children: [child('a'), child('b')] });
    expect(selectLeaf(tree, 1)?.id).toBe(1);
  });
});

/**
 * Slow and independent: selection with leaves in flight, written from the description. For every child it walks the
 * whole tree below it to count the virtual losses and to see whether anything is left to select.
 */
function slowSelect(tree: SearchTree, c: number, inFlight: readonly number[]): number | null {
  const childrenOf = (id: number) => tree.nodes.filter(({ parent }) => parent === id);
  const below = (id: number): number[] => [id, ...childrenOf(id).flatMap((child) => below(child.id))];
  const losses = (id: number) => inFlight.filter((leaf) => below(id).includes(leaf)).length;
  const isFree = (id: number) =>
    below(id).some((leaf) => childrenOf(leaf).length === 0 && (tree.nodes[leaf]!.terminal || !inFlight.includes(leaf)));
  function score(child: TreeNode): number {
    const rewards = child.q * child.visits; // a loss adds a visit and no reward
    const visits = child.visits + losses(child.id);
    const parent = tree.nodes[child.parent!]!;
    return rewards / visits + (c * child.prior * Math.sqrt(parent.visits + losses(parent.id))) / (1 + visits);
  }
  if (!isFree(0)) return null;
  let at = 0;
  while (childrenOf(at).length > 0) {
    const free = childrenOf(at).filter(({ id }) => isFree(id));
    const best = Math.max(...free.map(score));
    at = free.find((child) => score(child) > best - 1e-9)!.id;
  }
  return at;
}

describe('with leaves in flight,', () => {
  test('selection counts them as losses, and agrees with a slow one on random trees', () => {
    fc.assert(
      fc.property(
        anyTree(),
        fc.double({ min: 0.01, max: 10, noNaN: true }),
        fc.array(fc.nat(1000), { maxLength: 6 }),
        (tree, c, picks) => {
          const leaves = tree.nodes.filter(({ id }) => tree.children[id]!.length === 0);
          const inFlight: number[] = [];
          for (const pick of picks) {
            const leaf = leaves[pick % leaves.length]!;
            if (leaf.terminal || !inFlight.includes(leaf.id)) inFlight.push(leaf.id);
          }
          const [fast, slow] = [selectLeaf(tree, c, inFlight)?.id ?? null, slowSelect(tree, c, inFlight)];
          if (fast === slow) return;
          // The scores are equal except for their last bits, so either choice is right.
          expect(fast === null || slow === null).toBe(false);
          expect(closeCall(tree, c, inFlight, fast!, slow!)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a leaf that is being expanded is not selected again, nor is a node with only such leaves below it', () => {
    const child = (step: string) => ({ step, prior: 0.5, terminal: false, answer: null, reward: 0.5 });
    const tree = grow(INITIAL_TREE, { type: 'expanded', leaf: 0, children: [child('a'), child('b')] });
    expect(selectLeaf(tree, 1, [1])?.id).toBe(2);
    expect(selectLeaf(tree, 1, [1, 2])).toBeNull();
    expect(selectLeaf(INITIAL_TREE, 1, [0])).toBeNull();
  });
});

/** Whether the paths to two leaves part at children whose scores differ only by rounding. */
function closeCall(tree: SearchTree, c: number, inFlight: readonly number[], a: number, b: number): boolean {
  const [one, other] = [pathTo(tree, a), pathTo(tree, b)];
  const at = one.findIndex((node, depth) => node.id !== other[depth]?.id);
  const losses = (id: number) =>
    inFlight.filter((leaf) => id === 0 || pathTo(tree, leaf).some((n) => n.id === id)).length;
  const score = (node: TreeNode) => {
    const visits = node.visits + losses(node.id);
    const total = tree.nodes[node.parent!]!.visits + losses(node.parent!);
    return (node.q * node.visits) / visits + (c * node.prior * Math.sqrt(total)) / (1 + visits);
  };
  return Math.abs(score(one[at]!) - score(other[at]!)) < 1e-9;
}
