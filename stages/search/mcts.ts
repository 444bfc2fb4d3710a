import type { TreeNode } from '../../spec/index.ts';
import { selectLeaf } from './puct.ts';
import { grow, isExhausted, type NewNode, pathTo, type SearchTree, type TreeEvent } from './tree.ts';

/** A distinct next step, before it is valued. */
export interface Candidate {
  readonly step: string;
  /** P(a|S): over the candidates of one state they add up to 1. */
  readonly prior: number;
  /** The verifier's word where the step ends the solution (reward 1 or 0); null where the solution goes on. */
  readonly end: { readonly reward: number; readonly answer: string | null } | null;
}

/** What the search asks of the world. Randomness and policy are in here; the search itself has neither. */
export interface Oracle {
  /** Candidates for the step after `steps`; none when the policy gave nothing usable. `iteration` numbers the call. */
  expand(steps: readonly string[], iteration: number): Promise<Candidate[]>;
  /** Value in [0, 1] of the state that `steps` lead to, the last of them being new. `child` is its place among its siblings. */
  valueOf(steps: readonly string[], iteration: number, child: number): Promise<number>;
}

export interface SearchLimits {
  readonly iterations: number;
  /** Steps after which a path is given up. */
  readonly maxDepth: number;
  readonly cPuct: number;
}

/**
 * Monte Carlo tree search over the reasoning steps of one problem. Yields one event an iteration; `grow` folds them to the tree.
 * @param tree - the tree so far; a search that was interrupted goes on from the fold of the events that were kept
 * @param done - iterations so far, which is how many events were folded into `tree`
 * @see ASTRO (arXiv 2507.00417), search
 */
export async function* search(
  tree: SearchTree,
  done: number,
  limits: SearchLimits,
  oracle: Oracle,
): AsyncGenerator<TreeEvent, void> {
  for (let iteration = done; iteration < limits.iterations && !isExhausted(tree); iteration++) {
    const leaf = selectLeaf(tree, limits.cPuct);
    const event: TreeEvent = leaf.terminal
      ? { type: 'revisited', leaf: leaf.id }
      : await explore(pathTo(tree, leaf.id), leaf, iteration, limits, oracle);
    tree = grow(tree, event);
    yield event;
  }
}

/** Expands a leaf and values its children, or closes it. */
async function explore(
  path: readonly TreeNode[],
  leaf: TreeNode,
  iteration: number,
  limits: SearchLimits,
  oracle: Oracle,
): Promise<TreeEvent> {
  const steps = path.map(({ step }) => step);
  const candidates = path.length < limits.maxDepth ? await oracle.expand(steps, iteration) : [];
  if (candidates.length === 0) return { type: 'closed', leaf: leaf.id };
  const children = await Promise.all(
    candidates.map(async ({ step, prior, end }, child): Promise<NewNode> => {
      if (end !== null) return { step, prior, terminal: true, ...end };
      const reward = await oracle.valueOf([...steps, step], iteration, child);
      return { step, prior, terminal: false, answer: null, reward };
    }),
  );
  return { type: 'expanded', leaf: leaf.id, children };
}
