import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { domain } from '../../domains/countdown/domain.ts';
import type { Trace, TreeNode } from '../../spec/index.ts';
import { type LineariseSettings, linearise } from '../../stages/linearise/linearise.ts';
import { reasoningOf, splitTerminal } from '../../stages/linearise/terminal-step.ts';
import { collectTerminals } from '../../stages/linearise/terminals.ts';
import { random } from '../../stages/runtime/random.ts';
import { pathTo, type SearchTree } from '../../stages/search/tree.ts';
import { anyTree } from '../support/random-trees.ts';
import { PROBLEM } from '../support/toy-countdown.ts';

const tells = (node: TreeNode) => reasoningOf(node, domain) !== '';

function tracesOf({ nodes }: Pick<SearchTree, 'nodes'>, settings: LineariseSettings, seed: number): Trace[] {
  const terminals = collectTerminals({ nodes }, tells);
  return linearise({ problem: PROBLEM, nodes: [...nodes] }, terminals, settings, domain, random(seed));
}

const anySettings = (merge: fc.Arbitrary<boolean> = fc.boolean()): fc.Arbitrary<LineariseSettings> =>
  fc
    .record({ searchTraces: fc.nat(4), min: fc.integer({ min: 1, max: 3 }), extra: fc.nat(2), merge })
    .map(({ searchTraces, min, extra, merge }) => ({ searchTraces, wrongBranches: { min, max: min + extra }, merge }));

/** Runs `check` on every trace of random trees. */
function forAnyTrace(
  check: (trace: Trace, tree: SearchTree, settings: LineariseSettings) => void,
  merge?: boolean,
): void {
  let seen = 0;
  const settings = anySettings(merge === undefined ? fc.boolean() : fc.constant(merge));
  fc.assert(
    fc.property(anyTree(), settings, fc.nat(), (tree, settings, seed) => {
      for (const trace of tracesOf(tree, settings, seed)) {
        check(trace, tree, settings);
        seen += trace.k > 0 ? 1 : 0;
      }
    }),
    { numRuns: 400 },
  );
  expect(seen).toBeGreaterThan(30); // otherwise the property would be empty
}

const terminalsOf = (trace: Trace, tree: SearchTree): TreeNode[] =>
  trace.steps.map(({ node }) => tree.nodes[node]!).filter(({ terminal }) => terminal);

describe('linearise', () => {
  test('ends every trace at a right terminal', () =>
    forAnyTrace((trace, tree) => {
      const last = tree.nodes[trace.steps.at(-1)!.node]!;
      expect(last).toMatchObject({ terminal: true, reward: 1, answer: trace.answer, step: trace.terminalStep });
    }));

  test('never keeps two branches with the same wrong answer, nor one with the right answer', () =>
    forAnyTrace((trace, tree) => {
      expect(new Set(trace.wrongAnswers).size).toBe(trace.wrongAnswers.length);
      expect(trace.wrongAnswers).not.toContain(trace.answer);
      const wrong = terminalsOf(trace, tree).slice(0, -1);
      expect(wrong.map(({ answer }) => answer)).toEqual(trace.wrongAnswers);
      for (const { reward } of wrong) expect(reward).toBe(0);
    }));

  test('backtracks k times, and never when k is 0', () =>
    forAnyTrace((trace) => {
      expect(trace.steps.filter(({ move }) => move.type === 'backtrack')).toHaveLength(trace.k);
      expect(trace.wrongAnswers).toHaveLength(trace.k);
    }));

  test('continues from parent to child, and goes back to the parent of the next node', () =>
    forAnyTrace((trace, tree) => {
      trace.steps.forEach(({ node, move }, index) => {
        const before = trace.steps[index - 1]?.node ?? 0;
        expect(tree.nodes[node]!.parent).toBe(move.type === 'continue' ? before : move.to);
      });
    }));

  test('goes back only to the root or to a visited node, with its name', () =>
    forAnyTrace((trace) => {
      for (const [index, { move, backTo }] of trace.steps.entries()) {
        const place = trace.steps.slice(0, index).find(({ node }) => move.type === 'backtrack' && node === move.to);
        expect(place === undefined).toBe(move.type === 'continue' || move.to === 0);
        expect(backTo).toBe(place === undefined ? null : domain.placeAfter(place.step));
      }
    }));

  test('goes back to the lowest ancestor that the next branch shares with the visited nodes', () =>
    forAnyTrace((trace, tree) => {
      trace.steps.forEach(({ node, move }, index) => {
        if (move.type === 'continue') return;
        const visited = new Set(trace.steps.slice(0, index).map((step) => step.node));
        const shared = pathTo(tree, node).filter(({ id }) => visited.has(id));
        expect(move.to).toBe(shared.at(-1)?.id ?? 0);
      });
    }, true));

  test('goes back to the lowest common ancestor with the wrong branch, if there is one', () =>
    forAnyTrace((trace, tree) => {
      const jump = trace.steps.findIndex(({ move }) => move.type === 'backtrack');
      if (trace.k !== 1) return;
      const wrong = pathTo(tree, trace.steps[jump - 1]!.node);
      const right = pathTo(tree, trace.steps.at(-1)!.node);
      const common = right.filter((node) => wrong.includes(node)).at(-1)?.id ?? 0;
      expect(trace.steps[jump]!.move).toEqual({ type: 'backtrack', to: common });
    }, true));

  test('with merge, has no node twice and every branch whole', () =>
    forAnyTrace((trace, tree) => {
      const visited = trace.steps.map(({ node }) => node);
      expect(new Set(visited).size).toBe(visited.length);
      for (const terminal of terminalsOf(trace, tree)) {
        for (const { id } of pathTo(tree, terminal.id)) expect(visited).toContain(id);
      }
    }, true));

  test('without merge, writes every branch from the root', () =>
    forAnyTrace((trace, tree) => {
      const whole = terminalsOf(trace, tree).flatMap(({ id }) => pathTo(tree, id));
      expect(trace.steps.map(({ node }) => node)).toEqual(whole.map(({ id }) => id));
    }, false));

  test('has new text in every branch, and never goes back to the step just written', () =>
    forAnyTrace((trace, tree) => {
      let last = 0;
      trace.steps.forEach(({ node, move }) => {
        const told = tells(tree.nodes[node]!);
        if (move.type === 'backtrack') {
          expect(told).toBe(true);
          expect(move.to).not.toBe(last);
        }
        if (told) last = node;
      });
    }));

  test('makes one direct trace, and search traces up to their number, all different', () =>
    fc.assert(
      fc.property(anyTree(), anySettings(), fc.nat(), (tree, settings, seed) => {
        const traces = tracesOf(tree, settings, seed);
        const solved = collectTerminals(tree, tells).correct.length > 0;
        expect(traces.filter(({ k }) => k === 0)).toHaveLength(solved ? 1 : 0);
        expect(traces.length).toBeLessThanOrEqual(solved ? 1 + settings.searchTraces : 0);
        for (const { k } of traces) expect(k).toBeLessThanOrEqual(settings.wrongBranches.max);
        const texts = traces.map(({ steps }) => steps.map(({ node }) => node).join(' '));
        expect(new Set(texts).size).toBe(texts.length);
        expect(new Set(traces.map(({ id }) => id)).size).toBe(traces.length);
      }),
    ));

  test('chooses the same direct trace with and without search traces, so that arms can be compared', () =>
    fc.assert(
      fc.property(anyTree(), anySettings(), fc.nat(), (tree, settings, seed) => {
        const [direct] = tracesOf(tree, settings, seed);
        expect(tracesOf(tree, { ...settings, searchTraces: 0 }, seed)).toEqual(direct === undefined ? [] : [direct]);
      }),
    ));

  test('makes the golden traces of the golden trees', () => {
    const folder = new URL('../golden/', import.meta.url);
    const files = readdirSync(folder).filter((name) => name.startsWith('linearise-'));
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const file of files) {
      const { nodes, settings, seed, traces } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
      expect(tracesOf({ nodes }, settings, seed).map(sketchOf), file).toEqual(traces);
    }
  });
});

/** A trace in short notation: `1 3 5 | to 1 "21": 4 6`. */
function sketchOf({ k, steps, wrongAnswers, answer }: Trace) {
  const walk = steps.map(({ node, move, backTo }) =>
    move.type === 'continue' ? `${node}` : `| to ${move.to}${backTo === null ? '' : ` "${backTo}"`}: ${node}`,
  );
  return { k, walk: walk.join(' '), wrongAnswers, answer };
}

describe('terminals', () => {
  const node = (id: number, parent: number | null, rest: Partial<TreeNode> = {}): TreeNode => {
    const plain = { step: `${id} .`, prior: 1, visits: 1, q: 0, reward: 0, terminal: false, answer: null };
    return { ...plain, ...rest, id, parent };
  };
  const end = (answer: string | null, reward: number) => ({
    terminal: true,
    answer,
    reward,
    step: `Final answer: ${answer}`,
  });

  test('are collected depth first, the wrong ones by answer', () => {
    const nodes = [
      node(0, null),
      node(1, 0),
      node(2, 0),
      node(3, 2, end('x', 0)),
      node(4, 1, end('r', 1)),
      node(5, 1, end('x', 0)),
    ];
    const { correct, incorrect } = collectTerminals({ nodes }, tells);
    expect(correct.map(({ id }) => id)).toEqual([4]);
    expect([...incorrect].map(([answer, those]) => [answer, those.map(({ id }) => id)])).toEqual([['x', [5, 3]]]);
  });

  test('without an answer, without reasoning, or with an answer that is right elsewhere are omitted', () => {
    const nodes = [
      node(0, null),
      node(1, 0),
      node(2, 1, end(null, 0)),
      node(3, 0, end('x', 0)),
      node(4, 1, end('r', 1)),
      node(5, 1, end('r', 0)),
    ];
    const { correct, incorrect } = collectTerminals({ nodes }, tells);
    expect(correct.map(({ id }) => id)).toEqual([4]);
    expect(incorrect.size).toBe(0);
  });

  test('are split into reasoning and answer as the domain says', () => {
    expect(splitTerminal('1 + 1 = 2 . Final answer: 2', domain)).toEqual({
      reasoning: '1 + 1 = 2 .',
      answer: 'Final answer: 2',
    });
    expect(splitTerminal('Final answer: 2', domain)).toEqual({ reasoning: '', answer: 'Final answer: 2' });
  });
});
