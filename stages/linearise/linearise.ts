import type { LoadedDomain } from '../../domains/domain.ts';
import type { Trace, TraceStep, Tree, TreeNode } from '../../spec/records.ts';
import type { LineariseConfig } from '../../spec/stages/linearise.ts';
import { shuffled } from '../runtime/random.ts';
import { nodeAt, pathTo } from '../search/tree.ts';
import { reasoningOf } from './terminal-step.ts';
import type { Terminals } from './terminals.ts';
import { mergeBranches } from './trace.ts';

export type LineariseSettings = Pick<LineariseConfig, 'searchTraces' | 'wrongBranches' | 'merge'>;
/** What linearisation needs of a domain. */
export type LineariseDomain = Pick<LoadedDomain, 'splitSteps' | 'join' | 'placeAfter'>;

/**
 * Traces of one problem: a direct one (k = 0), and up to `searchTraces` traces with k wrong branches before the right
 * one. Equal traces are dropped.
 *
 * Every trace ends at an accepted terminal. The answers of its wrong branches all differ. No branch contains the whole
 * text of another. With `merge`, no node occurs twice. A trace with fewer wrong branches than wanted is kept, as long
 * as it has one.
 * @param terminals - of `tree`; `correct` has only accepted terminals
 * @param random - uniform numbers in [0, 1). The direct trace draws first, so it does not depend on `searchTraces`, and
 *   all arms choose the same one.
 * @see ASTRO (arXiv 2507.00417), procedure cloning
 */
export function linearise(
  tree: Pick<Tree, 'problem' | 'nodes'>,
  terminals: Terminals,
  settings: LineariseSettings,
  domain: LineariseDomain,
  random: () => number,
): Trace[] {
  const { correct, incorrect } = terminals;
  if (correct.length === 0) return [];
  const direct = [pickOne(correct, random)];
  const searches = Array.from({ length: settings.searchTraces }, () => {
    const right = pickOne(correct, random);
    return [...pickWrong(tree, right, incorrect, settings.wrongBranches, domain, random), right];
  }).filter((branches) => branches.length > 1);
  const kept = new Map([direct, ...searches].map((branches) => [branches.map(({ id }) => id).join(' '), branches]));
  return [...kept.values()].map((branches, index) => {
    const name = index === 0 ? 'direct' : `search-${index}`;
    return traceOf(tree, branches, settings.merge, domain, name);
  });
}

/**
 * Up to k terminals with different wrong answers; k is drawn from the range. They are tried in random order. A terminal
 * is taken only if its branch has text that the branches before it do not have, and they have text that it does not
 * have (*ours*): going back only to write the same text again would teach nothing.
 */
function pickWrong(
  tree: Pick<Tree, 'nodes'>,
  right: TreeNode,
  incorrect: Terminals['incorrect'],
  { min, max }: LineariseSettings['wrongBranches'],
  domain: LineariseDomain,
  random: () => number,
): TreeNode[] {
  const k = min + Math.floor(random() * (max - min + 1));
  const written = (terminal: TreeNode) => pathTo(tree, terminal.id).filter((node) => reasoningOf(node, domain) !== '');
  const within = (inner: TreeNode[], outer: TreeNode[]) => outer.includes(inner.at(-1)!);
  const taken = [written(right)];
  const wrong: TreeNode[] = [];
  for (const terminalsOfAnswer of shuffled([...incorrect.values()], random)) {
    if (wrong.length === k) break;
    const fits = shuffled(terminalsOfAnswer, random).find((terminal) => {
      const branch = written(terminal);
      return taken.every((other) => !within(branch, other) && !within(other, branch));
    });
    if (fits === undefined) continue;
    wrong.push(fits);
    taken.push(written(fits));
  }
  return wrong;
}

function traceOf(
  tree: Pick<Tree, 'problem' | 'nodes'>,
  branches: readonly TreeNode[],
  merge: boolean,
  domain: LineariseDomain,
  name: string,
): Trace {
  const paths = branches.map(({ id }) => pathTo(tree, id));
  const right = branches.at(-1)!;
  const wrong = branches.slice(0, -1);
  return {
    id: `${tree.problem.id}/${name}`,
    problem: tree.problem,
    k: wrong.length,
    steps: mergeBranches(paths, merge).map(({ node, move }): TraceStep => {
      const backTo = move.type === 'backtrack' && move.to !== 0 ? domain.placeAfter(nodeAt(tree, move.to).step) : null;
      return { node: node.id, step: node.step, q: node.q, move, backTo };
    }),
    wrongAnswers: wrong.map(({ answer }) => answer!),
    answer: right.answer!,
    terminalStep: right.step,
  };
}

const pickOne = <T>(items: readonly T[], random: () => number): T => items[Math.floor(random() * items.length)]!;
