import fc from 'fast-check';
import { expect, test } from 'vitest';
import { domain } from '../../domains/countdown/domain.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';
import { distinctSteps } from '../../stages/search/expansion.ts';
import { type Candidate, type Oracle, type SearchLimits, search } from '../../stages/search/mcts.ts';
import { grow, INITIAL_TREE } from '../../stages/search/tree.ts';

/**
 * The whole search again, slow and independent. It keeps only a list of evaluations, and computes visits and values
 * from all of them whenever it needs one. Written from the description in docs/search.md.
 */

interface SlowNode {
  readonly parent: number | null;
  readonly step: string;
  readonly prior: number;
  reward: number;
  terminal: boolean;
  expanded: boolean;
}

/** An invented world: candidates and values follow from the steps and a seed. */
const worldOf = (seed: number) => ({
  candidates(steps: readonly string[]): Candidate[] {
    const next = random(seedFor(seed, 'candidates', ...steps));
    const weights = Array.from({ length: Math.floor(next() * 5) }, () => next() + 0.01);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight, index) => ({
      step: `${index}`,
      prior: weight / sum,
      end: next() < 0.2 ? { reward: next() < 0.5 ? 1 : 0, answer: 'x' } : null,
    }));
  },
  value: (steps: readonly string[]) => Math.floor(random(seedFor(seed, 'value', ...steps))() * 17) / 16,
});

function slowSearch(limits: SearchLimits, world: ReturnType<typeof worldOf>) {
  const nodes: SlowNode[] = [{ parent: null, step: '', prior: 1, reward: 0, terminal: false, expanded: false }];
  const evaluations: { node: number; reward: number }[] = [];
  const underWay: number[] = [];
  const selected: number[] = [];
  const isAtOrBelow = (node: number | null, top: number): boolean =>
    node !== null && (node === top || isAtOrBelow(nodes[node]!.parent, top));
  const losses = (top: number) => underWay.filter((leaf) => isAtOrBelow(leaf, top)).length;
  const seen = (top: number) => evaluations.filter(({ node }) => isAtOrBelow(node, top));
  const visits = (top: number) => seen(top).length + losses(top);
  const value = (top: number) => seen(top).reduce((sum, { reward }) => sum + reward, 0) / visits(top);
  const childrenOf = (node: number) => nodes.flatMap(({ parent }, id) => (parent === node ? [id] : []));
  const leavesBelow = (top: number) =>
    nodes.flatMap(({ expanded }, id) => (!expanded && isAtOrBelow(id, top) ? [id] : []));
  const isFree = (top: number) => leavesBelow(top).some((leaf) => nodes[leaf]!.terminal || !underWay.includes(leaf));
  const stepsOf = (node: number): string[] => {
    const { parent, step } = nodes[node]!;
    return parent === null ? [] : [...stepsOf(parent), step];
  };

  function selectFrom(node: number): number {
    const children = childrenOf(node).filter(isFree);
    if (children.length === 0) return node;
    const total = visits(node);
    const scores = children.map(
      (child) => value(child) + (limits.cPuct * nodes[child]!.prior * Math.sqrt(total)) / (1 + visits(child)),
    );
    // The first of those that are equal up to rounding.
    return selectFrom(children[scores.findIndex((score) => score > Math.max(...scores) - 1e-12)]!);
  }
  function finish(leaf: number): void {
    const node = nodes[leaf]!;
    if (node.terminal) return void evaluations.push({ node: leaf, reward: node.reward });
    const steps = stepsOf(leaf);
    const candidates = steps.length < limits.maxDepth ? world.candidates(steps) : [];
    if (candidates.length === 0) {
      node.terminal = true;
      node.reward = 0;
      evaluations.push({ node: leaf, reward: 0 });
      return;
    }
    node.expanded = true;
    for (const { step, prior, end } of candidates) {
      const reward = end?.reward ?? world.value([...steps, step]);
      evaluations.push({ node: nodes.length, reward });
      nodes.push({ parent: leaf, step, prior, reward, terminal: end !== null, expanded: false });
    }
  }
  for (;;) {
    while (
      selected.length < limits.iterations &&
      underWay.length < limits.leavesInFlight &&
      leavesBelow(0).some((leaf) => !nodes[leaf]!.terminal) &&
      isFree(0)
    ) {
      const leaf = selectFrom(0);
      selected.push(leaf);
      underWay.push(leaf);
    }
    const oldest = underWay.shift();
    if (oldest === undefined) break;
    finish(oldest);
  }
  return {
    selected,
    nodes: nodes.map(({ parent, step }, id) => ({
      parent,
      step,
      visits: visits(id),
      q: visits(id) === 0 ? 0 : value(id),
    })),
  };
}

test('in random worlds, the search selects the same leaves and finds the same values as a slow one', async () => {
  const limits = fc.record({
    iterations: fc.integer({ min: 1, max: 16 }),
    maxDepth: fc.integer({ min: 1, max: 5 }),
    cPuct: fc.constantFrom(0.3, 1, 3),
    leavesInFlight: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(limits, fc.nat(), async (given, seed) => {
      const world = worldOf(seed);
      const oracle: Oracle = {
        expand: async (steps) => world.candidates(steps),
        valueOf: async (steps) => ({ value: world.value(steps), paths: [] }),
      };
      let tree = INITIAL_TREE;
      const leaves: number[] = [];
      for await (const event of search(given, oracle)) {
        leaves.push(event.leaf);
        tree = grow(tree, event);
      }
      const slow = slowSearch(given, world);
      expect(leaves).toEqual(slow.selected);
      expect(tree.nodes.map(({ parent, step, visits }) => ({ parent, step, visits }))).toEqual(
        slow.nodes.map(({ parent, step, visits }) => ({ parent, step, visits })),
      );
      tree.nodes.forEach(({ q }, id) => void expect(q).toBeCloseTo(slow.nodes[id]!.q, 9));
    }),
    { numRuns: 150 },
  );
});

test('priors are those of a slow sum over the sampled tokenizations', () => {
  const drawn = fc.record({
    text: fc.constantFrom('a .', 'b .', 'c .', ' a .'),
    spelling: fc.constantFrom('one', 'other'),
  });
  fc.assert(
    fc.property(fc.array(drawn, { minLength: 1, maxLength: 12 }), fc.nat(), (samples, seed) => {
      // One tokenization of one text has one probability.
      const probability = (text: string, spelling: string) => 0.01 + random(seedFor(seed, text.trim(), spelling))() / 4;
      const { distinct } = distinctSteps(
        samples.map(({ text, spelling }) => ({
          text,
          spelling,
          finishReason: 'stop' as const,
          logprob: Math.log(probability(text, spelling)),
        })),
        domain,
      );
      const pairs = [...new Set(samples.map(({ text, spelling }) => `${text.trim()}/${spelling}`))];
      const sumOf = (those: readonly string[]) =>
        those.reduce((sum, pair) => sum + probability(pair.split('/')[0]!, pair.split('/')[1]!), 0);
      for (const { step, prior } of distinct) {
        expect(prior).toBeCloseTo(sumOf(pairs.filter((pair) => pair.startsWith(`${step}/`))) / sumOf(pairs), 9);
      }
      expect(distinct).toHaveLength(new Set(samples.map(({ text }) => text.trim())).size);
    }),
  );
});
