import { z } from 'zod';
import type { Counts, Problem, Tree } from '../../spec/index.ts';
import { Cost } from './oracle.ts';
import { grow, isSolved, ROOTED, TreeEvent } from './tree.ts';

/** An entry of the journal: one iteration on one problem's tree. */
export const Iteration = z.object({
  problem: z.string().min(1),
  /** From 0 within the problem. */
  iteration: z.int().min(0),
  event: TreeEvent,
  cost: Cost,
});
export type Iteration = z.infer<typeof Iteration>;

/**
 * Sorts a journal by problem: `[i]` is iteration i. An entry takes the place of what stood at its number and after it: it is of a later
 * attempt that began before those were written, so that they never were part of its tree. An entry that would leave a gap is dropped.
 */
export function iterationsByProblem(entries: readonly Iteration[]): Map<string, Iteration[]> {
  const logs = new Map<string, Iteration[]>();
  for (const entry of entries) {
    const log = logs.get(entry.problem) ?? [];
    if (entry.iteration > log.length) continue;
    log.splice(entry.iteration, Number.POSITIVE_INFINITY, entry);
    logs.set(entry.problem, log);
  }
  return logs;
}

/** The finished tree of a problem, folded from its iterations. */
export function treeOf(problem: Problem, log: readonly Iteration[]): Tree {
  const { nodes } = log.reduce((tree, { event }) => grow(tree, event), ROOTED);
  const sum = (of: (cost: Cost) => number) => log.reduce((total, { cost }) => total + of(cost), 0);
  return {
    problem,
    nodes: [...nodes],
    iterations: log.length,
    tokens: { prompt: sum((cost) => cost.promptTokens), completion: sum((cost) => cost.completionTokens) },
  };
}

/** Facts of the part in numbers. They follow from trees and journal alone, so an interrupted search has the same. */
export function countsOf(trees: readonly Tree[], logs: readonly (readonly Iteration[])[]): Counts {
  const nodes = trees.flatMap((tree) => tree.nodes);
  const terminals = nodes.filter((node) => node.terminal);
  const costs = logs.flat().map(({ cost }) => cost);
  const sum = (of: (cost: Cost) => number) => costs.reduce((total, cost) => total + of(cost), 0);
  return {
    problems: trees.length,
    solved: trees.filter(isSolved).length,
    iterations: costs.length,
    nodes: nodes.length,
    terminals: terminals.length,
    right: terminals.filter((node) => node.reward === 1).length,
    rollouts: sum((cost) => cost.rollouts),
    unjudgedRollouts: sum((cost) => cost.unjudged),
    refusedPrompts: sum((cost) => cost.refused),
    droppedCandidates: sum((cost) => cost.dropped),
    promptTokens: sum((cost) => cost.promptTokens),
    completionTokens: sum((cost) => cost.completionTokens),
  };
}
