import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TreeNode } from '../../spec/index.ts';
import {
  grow,
  INITIAL_TREE,
  isExhausted,
  nodeAt,
  pathTo,
  type SearchTree,
  type TreeEvent,
} from '../../stages/search/tree.ts';
import { anyEvents } from '../support/random-trees.ts';

/** All evaluations of a log as (node, R): children when they are created, terminals each time they are reached. */
function evaluationsOf(events: readonly TreeEvent[]): { node: number; reward: number }[] {
  const all: { node: number; reward: number }[] = [];
  const rewardOf = new Map<number, number>();
  let born = 1;
  for (const event of events) {
    if (event.type === 'expanded') {
      for (const { reward } of event.children) {
        rewardOf.set(born, reward);
        all.push({ node: born, reward });
        born += 1;
      }
    } else {
      if (event.type === 'closed') rewardOf.set(event.leaf, 0);
      all.push({ node: event.leaf, reward: rewardOf.get(event.leaf)! });
    }
  }
  return all;
}

/** Slow and independent: checks for every evaluation whether it lies at or below the node. */
function slowValue(
  nodes: readonly TreeNode[],
  events: readonly TreeEvent[],
  id: number,
): { visits: number; q: number } {
  const isBelow = (node: number | null): boolean => node !== null && (node === id || isBelow(nodes[node]!.parent));
  const rewards = evaluationsOf(events).flatMap(({ node, reward }) => (isBelow(node) ? [reward] : []));
  return { visits: rewards.length, q: rewards.length === 0 ? 0 : rewards.reduce((a, b) => a + b) / rewards.length };
}

describe('a search tree', () => {
  test('has the visits and values that a slow count over all evaluations finds', () => {
    fc.assert(
      fc.property(anyEvents(), (events) => {
        const { nodes } = events.reduce(grow, INITIAL_TREE);
        for (const node of nodes) {
          const slow = slowValue(nodes, events, node.id);
          expect(node.visits).toBe(slow.visits);
          expect(node.q).toBeCloseTo(slow.q, 12);
          expect(node.q).toBeGreaterThanOrEqual(0);
          expect(node.q).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('keeps the visit-weighted mean of the paper at every expanded node', () => {
    fc.assert(
      fc.property(anyEvents(), (events) => {
        const { nodes, children } = events.reduce(grow, INITIAL_TREE);
        for (const node of nodes.filter(({ id }) => children[id]!.length > 0)) {
          const below = children[node.id]!.map((id) => nodes[id]!);
          const visits = below.reduce((sum, child) => sum + child.visits, 0);
          const weighted = below.reduce((sum, child) => sum + child.visits * child.q, 0);
          const own = node.parent === null ? 0 : 1;
          expect(node.visits).toBe(own + visits);
          expect(node.q).toBeCloseTo(((node.reward ?? 0) * own + weighted) / (own + visits), 12);
        }
      }),
    );
  });

  test('numbers nodes by their index, with parents before their children', () => {
    fc.assert(
      fc.property(anyEvents(), (events) => {
        const { nodes, children } = events.reduce(grow, INITIAL_TREE);
        nodes.forEach((node, index) => {
          expect(node.id).toBe(index);
          expect(node.parent ?? -1).toBeLessThan(node.id);
          expect(children[index]).toEqual(nodes.filter(({ parent }) => parent === index).map(({ id }) => id));
        });
      }),
    );
  });

  test('is unchanged when another tree grows from it', () => {
    fc.assert(
      fc.property(anyEvents(), (events) => {
        events.reduce<SearchTree>((tree, event) => {
          const before = structuredClone(tree);
          const after = grow(tree, event);
          expect(tree).toEqual(before);
          return after;
        }, INITIAL_TREE);
      }),
    );
  });

  test('closes a leaf as a terminal without an answer and with value 0', () => {
    const child = { step: 'a', prior: 1, terminal: false, answer: null, reward: 1 };
    const events: TreeEvent[] = [
      { type: 'expanded', leaf: 0, children: [child] },
      { type: 'closed', leaf: 1 },
    ];
    const tree = events.reduce(grow, INITIAL_TREE);
    expect(nodeAt(tree, 1)).toMatchObject({ terminal: true, answer: null, reward: 0, visits: 2, q: 0.5 });
    expect(isExhausted(tree)).toBe(true);
  });

  test('gives the path to a node without the root', () => {
    const child = (step: string) => ({ step, prior: 0.5, terminal: false, answer: null, reward: 0 });
    const events: TreeEvent[] = [
      { type: 'expanded', leaf: 0, children: [child('a'), child('b')] },
      { type: 'expanded', leaf: 2, children: [child('c')] },
    ];
    const tree = events.reduce(grow, INITIAL_TREE);
    expect(pathTo(tree, 3).map(({ step }) => step)).toEqual(['b', 'c']);
    expect(pathTo(tree, 0)).toEqual([]);
  });

  test('refuses an event on a node that it does not have', () => {
    expect(() => grow(INITIAL_TREE, { type: 'closed', leaf: 4 })).toThrow('expected a node below 1, but got 4');
  });
});
