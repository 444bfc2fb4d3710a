import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { domain } from '../../domains/countdown/domain.ts';
import type { TreeNode } from '../../spec/index.ts';
import { linearise } from '../../stages/linearise/linearise.ts';
import { reasoningOf } from '../../stages/linearise/terminal-step.ts';
import { collectTerminals } from '../../stages/linearise/terminals.ts';
import { random } from '../../stages/runtime/random.ts';
import { anyTree } from '../support/random-trees.ts';
import { slowMayStandTogether, slowSequence, slowTerminals } from '../support/slow-linearise.ts';
import { PROBLEM } from '../support/toy-countdown.ts';

const told = (node: TreeNode) => reasoningOf(node, domain) !== '';

describe('an independent, slow linearisation', () => {
  test('finds the same terminals in the same order', () =>
    fc.assert(
      fc.property(anyTree(), ({ nodes }) => {
        const { correct, incorrect } = collectTerminals({ nodes }, told);
        const slow = slowTerminals(nodes, told);
        expect(correct.map(({ id }) => id)).toEqual(slow.right);
        const byAnswer = Map.groupBy(slow.wrong, ({ answer }) => answer);
        expect([...incorrect].map(([answer, those]) => [answer, those.map(({ id }) => id)])).toEqual(
          [...byAnswer].map(([answer, those]) => [answer, those.map(({ id }) => id)]),
        );
      }),
      { numRuns: 300 },
    ));

  test('makes the same sequences from the drawn branches, which are allowed and as many as possible', () => {
    let jumps = 0;
    fc.assert(
      fc.property(anyTree(), fc.boolean(), fc.integer({ min: 1, max: 3 }), fc.nat(), ({ nodes }, merge, k, seed) => {
        const settings = { searchTraces: 3, wrongBranches: { min: k, max: k }, merge };
        const tree = { problem: PROBLEM, nodes: [...nodes] };
        const terminals = collectTerminals({ nodes }, told);
        const slow = slowTerminals(nodes, told);
        for (const trace of linearise(tree, terminals, settings, domain, random(seed))) {
          const drawn = trace.steps.map(({ node }) => node).filter((id) => nodes[id]!.terminal);
          expect(trace.steps.map(({ node, move }) => ({ node, move }))).toEqual(slowSequence(nodes, drawn, merge));
          expect(slow.right).toContain(drawn.at(-1));
          for (const id of drawn.slice(0, -1)) expect(slow.wrong.map((one) => one.id)).toContain(id);
          expect(slowMayStandTogether(nodes, drawn, told)).toBe(true);
          jumps += trace.k;
          if (trace.k === 0 || trace.k === k) continue;
          // With fewer wrong branches than wanted, no remaining branch fits the drawn ones.
          for (const { id } of slow.wrong) expect(slowMayStandTogether(nodes, [...drawn, id], told)).toBe(false);
        }
      }),
      { numRuns: 400 },
    );
    expect(jumps).toBeGreaterThan(30); // otherwise the property would be empty
  });
});
