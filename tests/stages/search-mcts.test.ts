import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';
import { SearchConfig } from '../../spec/index.ts';
import { PromptTooLong } from '../../stages/policy/context-window.ts';
import { StageExit } from '../../stages/runtime/exits.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';
import { addCosts, NO_COST } from '../../stages/search/cost.ts';
import { type Oracle, type SearchLimits, search } from '../../stages/search/mcts.ts';
import { type MeteredOracle, oracleOf } from '../../stages/search/oracle.ts';
import {
  grow,
  INITIAL_TREE,
  isExhausted,
  isSolved,
  pathTo,
  type SearchTree,
  type TreeEvent,
} from '../../stages/search/tree.ts';
import { PROBLEM, toyPolicy, toyVerifier } from '../support/toy-countdown.ts';

const LIMITS: SearchLimits = { iterations: 20, maxDepth: 5, cPuct: 1, leavesInFlight: 1 };

async function eventsOf(oracle: Oracle, limits = LIMITS): Promise<TreeEvent[]> {
  const events: TreeEvent[] = [];
  for await (const event of search(limits, oracle)) events.push(event);
  return events;
}
const costOfAll = (oracle: MeteredOracle, iterations: number) =>
  Array.from({ length: iterations }, (_, index) => oracle.costOf(index)).reduce(addCosts, NO_COST);
const treeOf = (events: readonly TreeEvent[]): SearchTree => events.reduce(grow, INITIAL_TREE);

/** The same two steps everywhere, with value 0.5 each. */
const endless: Oracle = {
  expand: async () => ['left', 'right'].map((step) => ({ step, prior: 0.5, end: null })),
  valueOf: async () => ({ value: 0.5, paths: [] }),
};

describe('the search', () => {
  test('grows the golden tree', async () => {
    const golden = JSON.parse(readFileSync(new URL('../golden/search.json', import.meta.url), 'utf8'));
    const oracle: Oracle = {
      expand: async (steps) => golden.candidates[steps.join(' ')] ?? [],
      valueOf: async (steps) => ({ value: golden.values[steps.join(' ')], paths: [] }),
    };
    expect(treeOf(await eventsOf(oracle, { leavesInFlight: 1, ...golden.settings })).nodes).toEqual(golden.nodes);
  });

  test('has one event for each iteration', async () => {
    expect(await eventsOf(endless)).toHaveLength(20);
  });

  test('closes a path at the maximum depth', async () => {
    const tree = treeOf(await eventsOf(endless, { ...LIMITS, maxDepth: 2, iterations: 100 }));
    expect(Math.max(...tree.nodes.map(({ id }) => pathTo(tree, id).length))).toBe(2);
    expect(tree.nodes.filter(({ terminal }) => terminal)).toHaveLength(4);
    expect(isExhausted(tree)).toBe(true);
  });

  test('stops early when nothing is left to explore', async () => {
    const once: Oracle = {
      ...endless,
      expand: async () => [{ step: 'end', prior: 1, end: { reward: 1, answer: '1' } }],
    };
    expect(await eventsOf(once)).toHaveLength(1);
  });

  test('closes a node when the policy finds no next step', async () => {
    expect(await eventsOf({ ...endless, expand: async () => [] })).toEqual([{ type: 'closed', leaf: 0 }]);
  });

  test('explores several leaves at a time, with the same events whatever the order of answers', async () => {
    const limits = { ...LIMITS, leavesInFlight: 4, iterations: 30 };
    const valued = (steps: readonly string[]) => ({ value: (seedFor(...steps) % 8) / 8, paths: [] });
    let [atWork, most] = [0, 0];
    const shuffledBy = (next: () => number): Oracle => ({
      async expand(steps) {
        most = Math.max(most, ++atWork);
        await sleep(next() * 4);
        atWork -= 1;
        return await endless.expand(steps, 0);
      },
      valueOf: async (steps) => valued(steps),
    });
    const [a, b] = [await eventsOf(shuffledBy(random(1)), limits), await eventsOf(shuffledBy(random(2)), limits)];
    expect(a).toEqual(b);
    expect(a).toHaveLength(30);
    expect(most).toBe(4);
    const alone = await eventsOf(
      { ...endless, valueOf: async (steps) => valued(steps) },
      { ...limits, leavesInFlight: 1 },
    );
    expect(a).not.toEqual(alone);
  });

  test('passes the rollouts of a leaf to the children that they went through', async () => {
    const known: Record<string, number> = {};
    const reusing: Oracle = {
      expand: async () => ['left', 'right'].map((step) => ({ step, prior: 0.5, end: null })),
      async valueOf(steps, _iteration, _child, through) {
        known[steps.join(' ')] = through.length;
        return { value: 0.5, paths: ['left', 'left', 'right', 'up'].map((step) => ({ step, right: true })) };
      },
    };
    await eventsOf(reusing, { ...LIMITS, iterations: 7 });
    expect(known).toMatchObject({ left: 0, right: 0, 'left left': 2, 'left right': 1 });
  });

  test('ends with the current tree once no iteration may begin', async () => {
    let left = 3;
    const events: TreeEvent[] = [];
    for await (const event of search(LIMITS, endless, () => left-- > 0)) events.push(event);
    expect(events).toHaveLength(3);
  });

  test('closes a path that has become too long for the context, and a problem that never fitted, and counts both', async () => {
    const context = (words: number) =>
      toyPolicy(async ({ prompt }) => {
        if (prompt.split(' ').length > words) throw new PromptTooLong('the prompt is too long');
      });
    const config = SearchConfig.parse({ candidates: 4, rollouts: 2, iterations: 60 });
    const given = { problem: PROBLEM, verifier: toyVerifier(), seed: 3, domain: await loadDomain('countdown'), config };
    const oracle = oracleOf({ ...given, policy: context(14) }); // the problem and one step
    const tree = treeOf(await eventsOf(oracle, config));
    expect(isExhausted(tree)).toBe(true);
    expect(Math.max(...tree.nodes.map(({ id }) => pathTo(tree, id).length))).toBe(2);
    expect(tree.nodes.filter(({ terminal, reward }) => terminal && reward !== 0)).toEqual([]);
    expect(costOfAll(oracle, 60).withoutRoom).toBeGreaterThan(0);
    const unsent = oracleOf({ ...given, policy: context(4) });
    expect(treeOf(await eventsOf(unsent, config)).nodes).toHaveLength(1);
    expect(costOfAll(unsent, 60)).toMatchObject({ requests: 0, withoutRoom: 1 });
  });

  test('does not take another refusal of the server for a path that is too long', async () => {
    const policy = toyPolicy(async ({ prompt }) => {
      if (prompt.split(' ').length > 14) throw new StageExit('InvalidInput', 'no such parameter');
    });
    const config = SearchConfig.parse({ candidates: 4, rollouts: 2, iterations: 60 });
    const given = { problem: PROBLEM, verifier: toyVerifier(), seed: 3, domain: await loadDomain('countdown'), config };
    await expect(eventsOf(oracleOf({ ...given, policy }), config)).rejects.toThrow('no such parameter');
  });

  test('solves countdown with a policy that plays at random', async () => {
    const world = { problem: PROBLEM, policy: toyPolicy(), verifier: toyVerifier(), seed: 3 };
    const config = SearchConfig.parse({ candidates: 32, rollouts: 2, iterations: 60 });
    const oracle = oracleOf({ ...world, domain: await loadDomain('countdown'), config });
    const events = await eventsOf(oracle, config);
    const tree = treeOf(events);
    expect(isSolved(tree)).toBe(true);
    for (const { terminal, reward, answer } of tree.nodes) {
      if (terminal && answer !== null) expect(reward).toBe(answer.endsWith('= 26') ? 1 : 0);
    }
    const { promptTokens, completionTokens, rollouts } = costOfAll(oracle, events.length);
    expect(promptTokens).toBe(world.policy.usage.promptTokens);
    expect(completionTokens).toBe(world.policy.usage.completionTokens);
    expect(rollouts).toBe(2 * tree.nodes.filter(({ id, terminal }) => id > 0 && !terminal).length);
  });
});
