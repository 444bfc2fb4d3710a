import type { TreeNode } from '../../spec/records.ts';
import type { Candidate } from './mcts.ts';
import { INITIAL_TREE } from './tree.ts';

/**
 * Solutions of one request: as many sequences as the recipe's M. So a kill loses few of them, and a budget is checked
 * often (*ours*).
 */
const SOLUTIONS_PER_REQUEST = 16;

/** A whole sampled solution. */
export interface Solution {
  /** `[>= 1]` steps; the last one ends it. */
  readonly steps: string[];
  /** The verifier's result: reward 1 or 0. */
  readonly end: NonNullable<Candidate['end']>;
}

/** What best-of-N needs from outside. */
export interface SolutionOracle {
  /** Up to `n` solutions from the root; fewer when some were malformed. `iteration` numbers the call. */
  solve(n: number, iteration: number): Promise<readonly Solution[]>;
}

/** Number of requests for N solutions. Each request is one iteration for progress and budgets. */
export const requestsOf = (samples: number): number => Math.ceil(samples / SOLUTIONS_PER_REQUEST);

/**
 * Best-of-N instead of tree search: samples N solutions from the root. After each request it yields all solutions so
 * far; `treeOfSolutions` makes a tree of them.
 * @param mayBegin - called before each request; sampling ends when it returns false
 */
export async function* sampleBestOfN(
  samples: number,
  oracle: SolutionOracle,
  mayBegin: () => boolean = () => true,
): AsyncGenerator<readonly Solution[], void> {
  let solutions: readonly Solution[] = [];
  for (let iteration = 0; iteration < requestsOf(samples) && mayBegin(); iteration += 1) {
    const left = samples - iteration * SOLUTIONS_PER_REQUEST;
    solutions = [...solutions, ...(await oracle.solve(Math.min(left, SOLUTIONS_PER_REQUEST), iteration))];
    yield solutions;
  }
}

/**
 * The tree of solutions that were sampled from the root (*ours*). Each solution is a path; equal first steps are
 * merged, as the search merges equal candidates. So linearisation goes back to the node where two solutions part, which
 * is the root when they share no step.
 *
 * N(S) is the number of solutions through S, and Q(S) their mean verdict. An inner node has no R, because nothing was
 * sampled from it except these solutions, most often one. P(a|S) is the share of the parent's solutions that take the
 * step.
 *
 * A step that ends one solution and is an inner step of another becomes two nodes. So does a step that ends two
 * solutions with different verdicts (one could not be judged). A terminal has no children, and one reward.
 * @returns `[n]` nodes; a node's id is its index, and a parent comes before its children
 */
export function treeOfSolutions(solutions: readonly Solution[]): TreeNode[] {
  const nodes: { parent: number | null; step: string; end: Solution['end'] | null; visits: number; right: number }[] = [
    { parent: null, step: '', end: null, visits: 0, right: 0 },
  ];
  const ids = new Map<string, number>();
  function childOf(parent: number, step: string, end: Solution['end'] | null): number {
    const key = JSON.stringify([parent, step, end?.reward, end?.answer]);
    const id = ids.get(key) ?? nodes.push({ parent, step, end, visits: 0, right: 0 }) - 1;
    ids.set(key, id);
    return id;
  }
  function visit(id: number, reward: number): number {
    nodes[id]!.visits += 1;
    nodes[id]!.right += reward;
    return id;
  }
  for (const { steps, end } of solutions) {
    let at = visit(0, end.reward);
    for (const [index, step] of steps.entries()) {
      at = visit(childOf(at, step, index === steps.length - 1 ? end : null), end.reward);
    }
  }
  return nodes.map(({ parent, step, end, visits, right }, id): TreeNode => {
    if (parent === null) return { ...INITIAL_TREE.nodes[0]!, visits, q: visits === 0 ? 0 : right / visits };
    const q = right / visits;
    const prior = visits / nodes[parent]!.visits;
    const reward = end?.reward ?? null;
    return { id, parent, step, prior, visits, q, reward, terminal: end !== null, answer: end?.answer ?? null };
  });
}
