import type { LoadedDomain } from '../../domains/domain.ts';
import type { Trace, TraceStep, Tree, TreeNode } from '../../spec/records.ts';
import type { LineariseConfig } from '../../spec/stages/linearise.ts';
import { shuffled } from '../runtime/random.ts';
import { nodeAt, pathTo } from '../search/tree.ts';
import { reasoningOf } from './terminal-step.ts';
import type { Terminals } from './terminals.ts';
import { mergeBranches } from './trace.ts';

export type LineariseSettings = Pick<LineariseConfig, 'searchTraces' | 'wrongBranches' | 'merge'>;
/** What is asked of the domain. */
export type StepWords = Pick<LoadedDomain, 'splitSteps' | 'join' | 'placeAfter'>;

/**
 * Traces of one problem: a direct one (k = 0), and up to `searchTraces` with k wrong branches before the right one. Equal traces are dropped.
 *
 * Every trace ends at an accepted terminal; its wrong branches have answers that differ from each other; no branch is told whole by
 * another; with `merge` no node comes twice. A trace with fewer wrong branches than wanted is kept with those there are, if any.
 * @param terminals - of `tree`; `correct` holds the accepted ones alone
 * @param random - uniform numbers in [0, 1). The direct trace draws first, so that it does not depend on `searchTraces`: arms choose alike.
 * @see ASTRO (arXiv 2507.00417), procedure cloning
 */
export function linearise(
  tree: Pick<Tree, 'problem' | 'nodes'>,
  terminals: Terminals,
  settings: LineariseSettings,
  words: StepWords,
  random: () => number,
): Trace[] {
  const { correct, incorrect } = terminals;
  if (correct.length === 0) return [];
  const direct = [pickOne(correct, random)];
  const searches = Array.from({ length: settings.searchTraces }, () => {
    const right = pickOne(correct, random);
    return [...pickWrong(tree, right, incorrect, settings.wrongBranches, words, random), right];
  }).filter((branches) => branches.length > 1);
  const kept = new Map([direct, ...searches].map((branches) => [branches.map(({ id }) => id).join(' '), branches]));
  return [...kept.values()].map((branches, index) => {
    const name = index === 0 ? 'direct' : `search-${index}`;
    return traceOf(tree, branches, settings.merge, words, name);
  });
}

/**
 * Up to k terminals with different wrong answers, k being drawn from the range. Taken in random order, and only those whose branch tells
 * something that neither the right branch nor one taken before tells, and the other way round (*ours*): going back from a text only to
 * write the same text again would teach nothing.
 */
function pickWrong(
  tree: Pick<Tree, 'nodes'>,
  right: TreeNode,
  incorrect: Terminals['incorrect'],
  { min, max }: LineariseSettings['wrongBranches'],
  words: StepWords,
  random: () => number,
): TreeNode[] {
  const k = min + Math.floor(random() * (max - min + 1));
  const told = (terminal: TreeNode) => pathTo(tree, terminal.id).filter((node) => reasoningOf(node, words) !== '');
  const within = (inner: TreeNode[], outer: TreeNode[]) => outer.includes(inner.at(-1)!);
  const taken = [told(right)];
  const wrong: TreeNode[] = [];
  for (const terminalsOfAnswer of shuffled([...incorrect.values()], random)) {
    if (wrong.length === k) break;
    const fits = shuffled(terminalsOfAnswer, random).find((terminal) => {
      const branch = told(terminal);
      return taken.every((other) => !within(branch, other) && !within(other, branch));
    });
    if (fits === undefined) continue;
    wrong.push(fits);
    taken.push(told(fits));
  }
  return wrong;
}

function traceOf(
  tree: Pick<Tree, 'problem' | 'nodes'>,
  branches: readonly TreeNode[],
  merge: boolean,
  words: StepWords,
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
      const backTo = move.type === 'backtrack' && move.to !== 0 ? words.placeAfter(nodeAt(tree, move.to).step) : null;
      return { node: node.id, step: node.step, q: node.q, move, backTo };
    }),
    wrongAnswers: wrong.map(({ answer }) => answer!),
    answer: right.answer!,
    terminalStep: right.step,
  };
}

const pickOne = <T>(items: readonly T[], random: () => number): T => items[Math.floor(random() * items.length)]!;
