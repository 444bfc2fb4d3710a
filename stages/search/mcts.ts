import type { TreeNode } from '../../spec/records.ts';
import { selectLeaf } from './puct.ts';
import { grow, INITIAL_TREE, isExhausted, type NewNode, pathTo, type SearchTree, type TreeEvent } from './tree.ts';

/** A distinct next step, before it has a value. */
export interface Candidate {
  readonly step: string;
  /** P(a|S). Over the candidates of one state these add up to 1. */
  readonly prior: number;
  /** The verifier's result when the step ends the solution (reward 1 or 0); null when the solution continues. */
  readonly end: { readonly reward: number; readonly answer: string | null } | null;
}

/**
 * A rollout seen from the state that it began at: its first step, and whether it came out right; null when it could not
 * be judged.
 */
export interface RolloutPath {
  readonly step: string;
  readonly right: boolean | null;
}

/** The value of a state, and the rollouts behind it if they may be reused. */
export interface StateValue {
  /** R in [0, 1]. */
  readonly value: number;
  readonly paths: readonly RolloutPath[];
}

/** What the search needs from outside. Randomness and the policy are in here; the search itself has neither. */
export interface Oracle {
  /** Candidates for the step after `steps`; none when the policy gave nothing usable. `iteration` numbers the call. */
  expand(steps: readonly string[], iteration: number): Promise<readonly Candidate[]>;
  /**
   * Value of the state after `steps`, the last of which is new. `child` is its position among its siblings.
   * @param known - rollouts of the parent that went through this state; they count as its own
   */
  valueOf(
    steps: readonly string[],
    iteration: number,
    child: number,
    known: readonly RolloutPath[],
  ): Promise<StateValue>;
}

export interface SearchLimits {
  readonly iterations: number;
  /** Number of steps after which a path is given up. */
  readonly maxDepth: number;
  readonly cPuct: number;
  /** Leaves of the tree that are explored at the same time. 1 is the sequential search of the recipe. */
  readonly leavesInFlight: number;
}

/** One iteration in progress. */
interface Exploration {
  readonly leaf: number;
  readonly result: Promise<Explored>;
}
interface Explored {
  readonly event: TreeEvent;
  /** `[children]` rollouts of each child, for reuse when it is expanded. */
  readonly paths: readonly (readonly RolloutPath[])[];
}

/**
 * Monte Carlo tree search over the reasoning steps of one problem. Yields one event for each iteration; `grow` folds
 * the events into the tree.
 *
 * With several leaves in flight, results are backed up in the order in which their leaves were selected, whatever the
 * order in which they arrive. Iteration i is selected when i - leavesInFlight + 1 results are in, and counts the
 * missing results as virtual losses. So the events depend only on the oracle's answers, and a restarted search with the
 * same answers gives the same events.
 * @param mayBegin - called before each iteration; when it returns false, what is in flight is finished and the search
 *   ends
 * @see ASTRO (arXiv 2507.00417), search
 */
export async function* search(
  limits: SearchLimits,
  oracle: Oracle,
  mayBegin: () => boolean = () => true,
): AsyncGenerator<TreeEvent, void> {
  let tree = INITIAL_TREE;
  const inFlight: Exploration[] = [];
  const pathsOf = new Map<number, readonly RolloutPath[]>();

  function begin(iteration: number): boolean {
    if (isExhausted(tree) || !mayBegin()) return false;
    const leaf = selectLeaf(
      tree,
      limits.cPuct,
      inFlight.map(({ leaf: selected }) => selected),
    );
    if (leaf === null) return false;
    const result = explore(tree, leaf, iteration, limits, oracle, pathsOf.get(leaf.id) ?? []);
    result.catch(() => {}); // handled when its turn comes
    pathsOf.delete(leaf.id);
    inFlight.push({ leaf: leaf.id, result });
    return true;
  }
  for (let begun = 0; ; ) {
    while (begun < limits.iterations && inFlight.length < limits.leavesInFlight && begin(begun)) begun += 1;
    const oldest = inFlight.shift();
    if (oldest === undefined) return;
    const { event, paths } = await oldest.result;
    paths.forEach((those, child) => {
      if (those.length > 0) pathsOf.set(tree.nodes.length + child, those);
    });
    tree = grow(tree, event);
    yield event;
  }
}

/** Expands a leaf and values its children, or closes it. A terminal is evaluated again. */
async function explore(
  tree: SearchTree,
  leaf: TreeNode,
  iteration: number,
  { maxDepth }: SearchLimits,
  oracle: Oracle,
  known: readonly RolloutPath[],
): Promise<Explored> {
  if (leaf.terminal) return { event: { type: 'revisited', leaf: leaf.id }, paths: [] };
  const steps = pathTo(tree, leaf.id).map(({ step }) => step);
  const candidates = steps.length < maxDepth ? await oracle.expand(steps, iteration) : [];
  if (candidates.length === 0) return { event: { type: 'closed', leaf: leaf.id }, paths: [] };
  const explored = await Promise.all(
    candidates.map(async ({ step, prior, end }, child): Promise<{ node: NewNode; paths: readonly RolloutPath[] }> => {
      if (end !== null) return { node: { step, prior, terminal: true, ...end }, paths: [] };
      const through = known.filter((path) => path.step === step);
      const { value, paths } = await oracle.valueOf([...steps, step], iteration, child, through);
      return { node: { step, prior, terminal: false, answer: null, reward: value }, paths };
    }),
  );
  const event: TreeEvent = { type: 'expanded', leaf: leaf.id, children: explored.map(({ node }) => node) };
  return { event, paths: explored.map(({ paths }) => paths) };
}
