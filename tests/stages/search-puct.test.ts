import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TreeNode } from '../../spec/index.ts';
import { puctScores, selectLeaf } from '../../stages/search/puct.ts';
import { grow, pathTo, ROOTED, type SearchTree } from '../../stages/search/tree.ts';
import { anyTree } from '../support/random-trees.ts';

/** Slow and independent: the formula once more, by logarithms. */
function slowScore(tree: SearchTree, child: TreeNode, c: number): number {
  const { visits } = tree.nodes[child.parent!]!;
  return child.q + Math.exp(Math.log(c) + Math.log(child.prior) + Math.log(visits) / 2 - Math.log(child.visits + 1));
}

describe('PUCT', () => {
  test('is Q + c · P · √N(S) / (1 + N(S,a)), by a case that one can check by hand', () => {
    const children = [
      { q: 0.5, prior: 0.25, visits: 3 },
      { q: 0, prior: 0.75, visits: 0 },
    ];
    expect(puctScores(children, 4, 2)).toEqual([0.5 + (2 * 0.25 * 2) / 4, 2 * 0.75 * 2]);
  });

  test('refuses a leaf, which nothing can be selected from', () => {
    expect(() => puctScores([], 1, 1)).toThrow(RangeError);
  });

  test('leads from best child to best child down to a leaf, as slow scores rank them', () => {
    fc.assert(
      fc.property(anyTree(), fc.double({ min: 0.01, max: 10, noNaN: true }), (tree, c) => {
        const leaf = selectLeaf(tree, c);
        expect(tree.nodes.some(({ parent }) => parent === leaf.id)).toBe(false);
        for (const taken of pathTo(tree, leaf.id)) {
          const siblings = tree.nodes.filter(({ parent }) => parent === taken.parent);
          const best = Math.max(...siblings.map((sibling) => slowScore(tree, sibling, c)));
          expect(slowScore(tree, taken, c)).toBeGreaterThan(best - 1e-9);
        }
      }),
    );
  });

  test('takes the child that was sampled first where scores are equal', () => {
    const child = (step: string) => ({ step, prior: 0.5, terminal: false, answer: null, reward: 0.5 });
    const tree = grow(ROOTED, { type: 'expanded', leaf: 0, children: [child('a'), child('b')] });
    expect(selectLeaf(tree, 1).id).toBe(1);
  });
});
