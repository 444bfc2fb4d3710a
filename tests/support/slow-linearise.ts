import type { Move, TreeNode } from '../../spec/index.ts';

/**
 * A second linearisation, written from the recipe for clarity instead of speed. It uses no code of `stages/`. A tree is
 * `nodes`, the root first. `told` says whether a node has any text to write.
 */

/** Ancestors of a node from the root's child down to itself, by recursion. */
export function branchOf(nodes: readonly TreeNode[], id: number): number[] {
  const { parent } = nodes[id]!;
  return parent === null ? [] : [...branchOf(nodes, parent), id];
}

/** Terminals depth first: Psi (right), and Lambda (wrong) with their answers. */
export function slowTerminals(nodes: readonly TreeNode[], told: (node: TreeNode) => boolean) {
  const right: number[] = [];
  const wrong: { id: number; answer: string }[] = [];
  const answersOfRight = nodes.filter((n) => n.terminal && n.reward === 1 && teaches(n)).map(({ answer }) => answer);
  function teaches(node: TreeNode): boolean {
    return node.answer !== null && branchOf(nodes, node.id).some((id) => told(nodes[id]!));
  }
  function visit(node: TreeNode): void {
    if (node.terminal && teaches(node)) {
      if (node.reward === 1) right.push(node.id);
      else if (node.reward === 0 && !answersOfRight.includes(node.answer))
        wrong.push({ id: node.id, answer: node.answer! });
    }
    for (const child of nodes) if (child.parent === node.id) visit(child);
  }
  visit(nodes[0]!);
  return { right, wrong };
}

/**
 * The sequence L of branches, with the jumps: each to the deepest node that lies on the next branch and was visited,
 * found by trying all.
 */
export function slowSequence(
  nodes: readonly TreeNode[],
  terminals: readonly number[],
  merge: boolean,
): { node: number; move: Move }[] {
  const sequence: { node: number; move: Move }[] = [];
  for (const terminal of terminals) {
    const branch = branchOf(nodes, terminal);
    const visited = (id: number) => merge && sequence.some(({ node }) => node === id);
    const shared = branch.filter(visited);
    branch
      .filter((id) => !visited(id))
      .forEach((node, index) => {
        const jumps = index === 0 && sequence.length > 0;
        sequence.push({ node, move: jumps ? { type: 'backtrack', to: shared.at(-1) ?? 0 } : { type: 'continue' } });
      });
  }
  return sequence;
}

/**
 * Whether wrong branches and a right one may stand together: unlike answers, and each tells something that no other
 * tells, both ways.
 */
export function slowMayStandTogether(
  nodes: readonly TreeNode[],
  terminals: readonly number[],
  told: (node: TreeNode) => boolean,
): boolean {
  const answers = terminals.map((id) => nodes[id]!.answer);
  if (new Set(answers).size !== answers.length) return false;
  const texts = terminals.map((id) => branchOf(nodes, id).filter((node) => told(nodes[node]!)));
  return texts.every((one, i) => texts.every((other, j) => i === j || !one.every((node) => other.includes(node))));
}
