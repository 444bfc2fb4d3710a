import type { TreeNode } from '../../spec/records.ts';
import { selectLeaf } from './puct.ts';
import { grow, isExhausted, type NewNode, pathTo, ROOTED, type SearchTree, type TreeEvent } from './tree.ts';

/** A distinct next step, before it is valued. */
export interface Candidate {
  readonly step: string;
  /** P(a|S): over the candidates of one state they add up to 1. */
  readonly prior: number;
  /** The verifier's word where the step ends the solution (reward 1 or 0); null where the solution goes on. */
  readonly end: { readonly reward: number; readonly answer: string | null } | null;
}

/** A rollout as seen from the state that it began at: its first step, and whether it came out right; null where that cannot be judged. */
export interface Path {
  readonly step: string;
  readonly right: boolean | null;
}

/** Value of a state, and the rollouts behind it, where they are to be used again. */
export interface Valued {
  /** R in [0, 1]. */
  readonly value: number;
  readonly paths: readonly Path[];
}

/** What the search asks of the world. Randomness and policy are in here; the search itself has neither. */
export interface Oracle {
  /** Candidates for the step after `steps`; none when the policy gave nothing usable. `iteration` numbers the call. */
  expand(steps: readonly string[], iteration: number): Promise<readonly Candidate[]>;
  /**
   * Value of the state that `steps` lead to, the last of them being new. `child` is its place among its siblings.
   * @param known - rollouts of the parent that went through this state: they count among its own
   */
  valueOf(steps: readonly string[], iteration: number, child: number, known: readonly Path[]): Promise<Valued>;
}

export interface SearchLimits {
  readonly iterations: number;
  /** Steps after which a path is given up. */
  readonly maxDepth: number;
  readonly cPuct: number;
  /** Leaves of the tree that are explored at the same time; 1 is the recipe's sequential search. */
  readonly leavesInFlight: number;
}

/** One iteration under way. */
interface Exploration {
  readonly leaf: number;
  readonly result: Promise<Explored>;
}
interface Explored {
  readonly event: TreeEvent;
  /** `[children]` rollouts of each child, to be used again when it is expanded. */
  readonly paths: readonly (readonly Path[])[];
}

/**
 * Monte Carlo tree search over the reasoning steps of one problem. Yields one event an iteration; `grow` folds them to the tree.
 *
 * With several leaves in flight, results are backed up in the order in which their leaves were selected, whatever the order in which they
 * come in: iteration i is selected when i - leavesInFlight + 1 results are in, and sees the rest as virtual losses. So the events follow from
 * the oracle's answers alone, and a search that is begun again over the same answers has the same events.
 * @param mayBegin - asked before each iteration; once it says no, what is in flight is finished and the search ends
 * @see ASTRO (arXiv 2507.00417), search
 */
export async function* search(
  limits: SearchLimits,
  oracle: Oracle,
  mayBegin: () => boolean = () => true,
): AsyncGenerator<TreeEvent, void> {
  let tree = ROOTED;
  const inFlight: Exploration[] = [];
  const pathsOf = new Map<number, readonly Path[]>();

  function begin(iteration: number): boolean {
    if (isExhausted(tree) || !mayBegin()) return false;
    const leaf = selectLeaf(
      tree,
      limits.cPuct,
      inFlight.map(({ leaf: selected }) => selected),
    );
    if (leaf === null) return false;
    const result = explore(tree, leaf, iteration, limits, oracle, pathsOf.get(leaf.id) ?? []);
    result.catch(() => {}); // thrown when its turn comes
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

/** Expands a leaf and values its children, or closes it; a terminal is evaluated again. */
async function explore(
  tree: SearchTree,
  leaf: TreeNode,
  iteration: number,
  { maxDepth }: SearchLimits,
  oracle: Oracle,
  known: readonly Path[],
): Promise<Explored> {
  if (leaf.terminal) return { event: { type: 'revisited', leaf: leaf.id }, paths: [] };
  const steps = pathTo(tree, leaf.id).map(({ step }) => step);
  const candidates = steps.length < maxDepth ? await oracle.expand(steps, iteration) : [];
  if (candidates.length === 0) return { event: { type: 'closed', leaf: leaf.id }, paths: [] };
  const explored = await Promise.all(
    candidates.map(async ({ step, prior, end }, child): Promise<{ node: NewNode; paths: readonly Path[] }> => {
      if (end !== null) return { node: { step, prior, terminal: true, ...end }, paths: [] };
      const through = known.filter((path) => path.step === step);
      const { value, paths } = await oracle.valueOf([...steps, step], iteration, child, through);
      return { node: { step, prior, terminal: false, answer: null, reward: value }, paths };
    }),
  );
  const event: TreeEvent = { type: 'expanded', leaf: leaf.id, children: explored.map(({ node }) => node) };
  return { event, paths: explored.map(({ paths }) => paths) };
}
